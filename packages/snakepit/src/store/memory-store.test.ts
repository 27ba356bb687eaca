import { describe, expect, test, vi } from "vitest";
import { SnakepitError } from "../errors.ts";
import { fakeClock, storeContract } from "../testing/index.ts";
import { memoryStore } from "./memory-store.ts";
import type { RecordChange, Store } from "./store.ts";

/** For what happens soon, but not at once, however busy the machine is. */
const patiently = { timeout: 20_000 };

describe("the memory store keeps the contract", () => {
  const open = (_space: string, limits: object) => memoryStore(limits);
  for (const { name, run } of storeContract({ open, isShared: false })) test(name, run, 60_000);
});

function set(name: string, value: string, more: object = {}): RecordChange {
  return { kind: "set", namespace: "things", name, type: "thing", value, ...more };
}

function read(store: Store, session: string | undefined, name: string) {
  return store.get({ session, namespace: "things", name });
}

test("sessions and records end to the millisecond, by the clock that was given", async () => {
  const clock = fakeClock();
  const store = memoryStore({ clock });
  await store.openSession("ada", { ttlMs: 1_000, data: "" });
  await store.write("ada", [set("brief", "1", { ttlMs: 500 }), set("lasting", "1")]);
  await clock.advance(499);
  expect(await read(store, "ada", "brief")).toBeDefined();
  await clock.advance(1);
  expect(await read(store, "ada", "brief")).toBeUndefined();
  await clock.advance(499);
  expect(await read(store, "ada", "lasting")).toBeDefined();
  await clock.advance(1);
  expect(await read(store, "ada", "lasting")).toBeUndefined();
  expect(await store.sweep()).toEqual(["ada"]);
});

test("a clock on the wall that jumps changes nothing", async () => {
  const clock = fakeClock();
  const store = memoryStore({ clock });
  await store.openSession("ada", { ttlMs: 1_000, data: "" });
  using _ = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_600_000);
  expect(await store.getSession("ada")).toBeDefined();
  await clock.advance(1_000);
  vi.spyOn(Date, "now").mockReturnValue(0);
  expect(await store.getSession("ada")).toBeUndefined();
});

test("many sessions of many lengths end each in its time, used or not", async () => {
  const clock = fakeClock();
  const store = memoryStore({ clock });
  const ttls = Array.from({ length: 500 }, (_, n) => ((n * 7_919) % 997) + 1);
  const epochs = new Map<string, string>();
  for (const [n, ttlMs] of ttls.entries()) {
    epochs.set(`s${n}`, (await store.openSession(`s${n}`, { ttlMs, data: "" })).session.epoch);
  }
  await clock.advance(300);
  for (const [id, epoch] of epochs) if (id.endsWith("3")) await store.touchSession(id, epoch);
  await clock.advance(300);
  const lives = (n: number) => {
    const ttl = ttls[n] as number;
    return ttl > 600 || (n % 10 === 3 && ttl > 300);
  };
  const expected = [...epochs.keys()].filter((_, n) => lives(n));
  expect(await store.countSessions()).toBe(expected.length);
  const ended = await store.sweep(1_000);
  expect(ended).toHaveLength(500 - expected.length);
  expect((await store.listSessions()).map(({ id }) => id)).toEqual(expected.sort());
});

test("answers come at once, and never as a promise", () => {
  const store = memoryStore();
  const { session } = store.openSession("ada", { ttlMs: 1_000, data: "" }) as { session: object };
  expect(session).toMatchObject({ id: "ada", version: 1 });
  expect(store.write("ada", [set("a", "1")])).toEqual([1]);
  expect(read(store, "ada", "a")).toMatchObject({ value: "1" });
});

test("a listener that throws disturbs neither the writer nor other listeners", async () => {
  const store = memoryStore();
  const heard: string[] = [];
  using warned = vi.spyOn(process, "emitWarning").mockReturnValue();
  using _faulty = await store.watch(undefined, () => {
    throw new Error("of the listener");
  });
  using _good = await store.watch(undefined, ({ name }) => heard.push(name));
  expect(store.write(undefined, [set("a", "1")])).toEqual([1]);
  await expect.poll(() => heard, patiently).toEqual(["a"]);
  expect(warned).toHaveBeenCalledWith(
    expect.stringContaining("of the listener"),
    "SnakepitWarning",
  );
});

test("a listener may write itself", async () => {
  const store = memoryStore();
  const heard: string[] = [];
  using _ = await store.watch(undefined, ({ name, version }) => {
    heard.push(`${name} ${version}`);
    if (name === "a" && version < 3) void store.write(undefined, [set("a", "again")]);
  });
  await store.write(undefined, [set("a", "1")]);
  await expect.poll(() => heard, patiently).toEqual(["a 1", "a 2", "a 3"]);
});

test("every wrong option is named", () => {
  const make = () =>
    memoryStore({
      maxSession: 1,
      maxRecords: 0,
      maxValueBytes: 2 ** 40,
      maxSessions: 1.5,
    } as never);
  expect(make).toThrow(SnakepitError);
  for (const part of [/meant maxSessions\?/, /maxRecords must/, /at most 536870848/, /not 1.5/]) {
    expect(make).toThrow(part);
  }
  expect(() => memoryStore(null as never)).toThrow("must be an object");
});
