import assert from "node:assert/strict";
import type { StoredValue } from "../../store/store.ts";
import type { StoreContract } from "./options.ts";
import { hour, read, refuses, set, withStore } from "./with-store.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

export function exact(options: StoreContract): Promise<void> {
  const values: StoredValue[] = [
    "",
    "\0",
    "a\0b\0",
    "ü, 漢字, 😀\u{10ffff}",
    '"quotes", \\ and\r\na line, \ufeff\u2028',
    ...[0, 1, 255, 256 * KiB - 1, 256 * KiB, 256 * KiB + 1, MiB, 2 * MiB + 5].map(pattern),
    `${"漢".repeat(100 * KiB)}\0`,
  ];
  return withStore(options, {}, async (store) => {
    await store.openSession("ada", hour);
    for (const scope of ["ada", undefined]) {
      for (const [n, value] of values.entries()) await store.write(scope, [set(`v${n}`, value)]);
      for (const [n, value] of values.entries()) {
        const record = await read(store, scope, `v${n}`);
        assertValue(record?.value, value, `value ${n}`);
        assert.equal(record?.bytes, Buffer.byteLength(value), `the bytes of value ${n}`);
      }
    }
    await store.write("ada", [set("v0", pattern(MiB))]);
    await store.write("ada", [set("v0", "small again")]);
    assertValue((await read(store, "ada", "v0"))?.value, "small again", "small after large");
  });
}

export function ofTheirOwn(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    for (const size of [10, MiB]) {
      const shared = new Uint8Array(size + 2).fill(1);
      const part = shared.subarray(1, size + 1);
      const writing = store.write(undefined, [set("a", part)]);
      shared.fill(2); // the caller may use its bytes at once
      await writing;
      const first = (await read(store, undefined, "a"))?.value as Uint8Array;
      assertValue(first, new Uint8Array(size).fill(1), "what was written");
      assert.equal(first.constructor, Uint8Array, "bytes come as a Uint8Array, not a subclass");
      first.fill(3);
      const second = (await read(store, undefined, "a"))?.value;
      assertValue(second, new Uint8Array(size).fill(1), "what is kept");
    }
  });
}

export function limited(options: StoreContract): Promise<void> {
  return withStore(options, { maxValueBytes: 1_000 }, async (store) => {
    await store.write(undefined, [set("a", pattern(1_000)), set("b", "é".repeat(500))]);
    for (const value of [pattern(1_001), `${"é".repeat(500)}e`]) {
      const write = () => store.write(undefined, [set("c", "small"), set("a", value)]);
      const error = await refuses("VALUE_TOO_LARGE", write, "a value too large");
      assert.deepEqual(error.details, { bytes: 1_001, limitBytes: 1_000 }, "the details");
    }
    assert.equal((await read(store, undefined, "a"))?.version, 1, "nothing was written");
    assert.equal(await read(store, undefined, "c"), undefined, "nor this");
  });
}

export function large(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    const limit = store.limits.maxValueBytes;
    const value = pattern(limit);
    assert.equal(limit, 64 * MiB, "the default limit");
    await store.write(undefined, [set("a", value)]);
    assertValue((await read(store, undefined, "a"))?.value, value, "64 MiB");
    const above = () => store.write(undefined, [set("a", new Uint8Array(limit + 1))]);
    await refuses("VALUE_TOO_LARGE", above, "a byte more");
    await store.write(undefined, [{ kind: "delete", namespace: "things", name: "a" }]);
  });
}

export function tornText(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    for (const value of ["\ud800", "a\udc00b"]) {
      const write = () => store.write(undefined, [set("a", value)]);
      await refuses("SERIALIZATION", write, "half of a surrogate pair");
    }
    assert.equal(await read(store, undefined, "a"), undefined, "nothing was written");
  });
}

/** Bytes of which no two parts look alike. */
function pattern(length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let n = 0; n < words.length; n++) words[n] = Math.imul(n + 1, 2_654_435_761);
  return new Uint8Array(words.buffer, 0, length);
}

/** Without the inside of a value in the message, which may be large. */
function assertValue(actual: StoredValue | undefined, expected: StoredValue, what: string): void {
  const same =
    typeof expected === "string"
      ? actual === expected
      : actual instanceof Uint8Array && Buffer.compare(actual, expected) === 0;
  assert.ok(same, `${what}: ${typeof expected} of ${expected.length} is not what was written`);
}
