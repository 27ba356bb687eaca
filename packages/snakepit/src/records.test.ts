import { expect, test } from "vitest";
import { createPool } from "./create-pool.ts";
import { memoryStore } from "./store/memory-store.ts";
import type { RecordHint } from "./store/store.ts";
import { fakeAdapter } from "./testing/fake-adapter.ts";

test("a record comes back as it was written, with its version and kind", async () => {
  await using pool = await createPool({ adapter: fakeAdapter() });
  const records = pool.session("ada").records("variables");
  const bytes = new Uint8Array([0, 255, 7]);
  expect(await records.set("data", { list: [1, "é\0", null, true], none: undefined })).toBe(1);
  expect(await records.set("bytes", bytes, { type: "matrix" })).toBe(1);
  expect(await records.set("data", 0.5, { type: "float" })).toBe(2);
  expect(await records.get("data")).toEqual({ value: 0.5, version: 2, type: "float" });
  expect(await records.get("bytes")).toEqual({ value: bytes, version: 1, type: "matrix" });
  expect(await records.get("nothing")).toBeUndefined();
  expect((await records.list()).map(({ name, type }) => [name, type])).toEqual([
    ["bytes", "matrix"],
    ["data", "float"],
  ]);
  expect(await records.delete("data")).toBe(true);
  expect(await records.delete("data")).toBe(false);
});

test("a namespace, a session and everybody's records are apart", async () => {
  await using pool = await createPool({ adapter: fakeAdapter() });
  const session = pool.session("ada");
  await session.records("variables").set("x", 1);
  expect(await session.records("programs").get("x")).toBeUndefined();
  expect(await pool.session("grace").records("variables").get("x")).toBeUndefined();
  expect(await pool.records("variables").get("x")).toBeUndefined();
});

test("a write that expects another version changes nothing, also when it is one of several", async () => {
  await using pool = await createPool({ adapter: fakeAdapter() });
  const records = pool.records("variables");
  expect(await records.set("x", 1, { expect: 0 })).toBe(1);
  await expect(records.set("x", 2, { expect: 0 })).rejects.toMatchObject({
    code: "VERSION_CONFLICT",
    details: { name: "x", expected: 0, current: 1 },
  });
  const batch = records.write([
    { set: "y", value: 1 },
    { set: "x", value: 3, expect: 7 },
  ]);
  await expect(batch).rejects.toMatchObject({ code: "VERSION_CONFLICT" });
  expect(await records.get("y")).toBeUndefined();
  expect(await records.write([{ set: "y", value: 1 }, { delete: "x" }, { delete: "z" }])).toEqual([
    expect.any(Number),
    1,
    0,
  ]);
});

test("a watcher hears of what another pool writes", async () => {
  await using store = memoryStore();
  await using here = await createPool({ adapter: fakeAdapter(), store });
  await using there = await createPool({ adapter: fakeAdapter(), store });
  const hints: RecordHint[] = [];
  const watch = await here
    .session("ada")
    .records("variables")
    .watch((hint) => hints.push(hint));
  await there.session("ada").records("programs").set("x", 0);
  await there.session("ada").records("variables").set("x", 1);
  await expect.poll(() => hints).toMatchObject([{ name: "x", version: 1, isDeleted: false }]);
  watch[Symbol.dispose]();
});

test("a handle of a deleted session writes nothing into a later one of the same id", async () => {
  await using store = memoryStore();
  await using here = await createPool({ adapter: fakeAdapter(), store });
  await using there = await createPool({ adapter: fakeAdapter(), store });
  const stale = here.session("ada").records("variables");
  await stale.set("x", 1);
  await there.session("ada").delete();
  await there.sessions.delete("ada");
  await there.sessions.create("ada");
  await expect(stale.set("x", 2)).rejects.toMatchObject({ code: "SESSION_NOT_FOUND" });
  expect(await there.session("ada").records("variables").get("x")).toBeUndefined();
});

test.each([
  ["a function", () => {}, /^\[SERIALIZATION\] x is a function/],
  ["undefined", undefined, /x is undefined/],
  ["a map", { a: new Map() }, /x\.a is an instance of Map/],
  ["an infinite number", [Infinity], /x\[0\] is Infinity/],
  ["a bigint", { n: 1n }, /x\.n is 1n/],
])("%s is refused before anything is written", async (_what, value, message) => {
  await using pool = await createPool({ adapter: fakeAdapter() });
  const records = pool.records("variables");
  await expect(records.set("x", value)).rejects.toThrow(message);
  expect(await records.get("x")).toBeUndefined();
});

test("names that are none are refused", async () => {
  await using pool = await createPool({ adapter: fakeAdapter() });
  expect(() => pool.records("../up")).toThrow(/a namespace of records is 1 to 200/);
  await expect(pool.records("variables").set("a\0b", 1)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
  });
  await expect(pool.records("variables").set("x", 1, { expected: 1 } as never)).rejects.toThrow(
    /no option "expected"; meant expect/,
  );
});
