import { describe, expect, test } from "vitest";
import { memoryStore } from "../store/memory-store.ts";
import type { RecordChange, Store, StoredRecord } from "../store/store.ts";
import { type StoreContractOptions, storeContract } from "./index.ts";

/** The memory store with something changed. */
function faulty(change: (store: Store) => Partial<Store>): StoreContractOptions {
  const open = (_space: string, limits: object) => {
    const inner = memoryStore(limits);
    const changed = change(inner) as Record<PropertyKey, unknown>;
    return new Proxy(inner, {
      get(store, name) {
        const member = changed[name] ?? Reflect.get(store, name);
        return typeof member === "function" ? member.bind(store) : member;
      },
    });
  };
  return { open, isShared: false, largeValues: false, timeoutMs: 2_000 };
}

/** One that gives promises where the memory store gives answers must be as good. */
describe("a store that is asked through promises passes", () => {
  const late = faulty((store) => ({
    get: async (key) => await store.get(key),
    write: async (session, changes, options) => await store.write(session, changes, options),
    watch: async (session, listener) => await store.watch(session, listener),
  }));
  for (const { name, run } of storeContract(late)) test(name, run, 60_000);
});

const without = (changes: readonly RecordChange[], key: string) =>
  changes.map((change) => ({ ...change, [key]: undefined }) as RecordChange);

test.each<[string, (store: Store) => Partial<Store>, string]>([
  [
    "sessions that are never found again",
    (store) => ({
      getSession: () => undefined,
      async openSession(id, init) {
        await store.deleteSession(id);
        return store.openSession(id, init);
      },
    }),
    "a session is made once and found afterwards",
  ],
  [
    "updates that do not compare",
    (store) => ({
      async updateSession(id, data) {
        const session = await store.getSession(id);
        return store.updateSession(id, data, session?.version ?? 0);
      },
    }),
    "an update of a session replaces only the version that it expects",
  ],
  [
    "epochs that are not looked at",
    (store) => ({ write: (session, changes) => store.write(session, changes) }),
    "nobody writes into a later session of the same id",
  ],
  [
    "lists without an order",
    (store) => ({ listSessions: async (page) => [...(await store.listSessions(page))].reverse() }),
    "sessions are listed by id, in pages",
  ],
  [
    "versions that are not compared",
    (store) => ({ write: (session, changes) => store.write(session, without(changes, "expect")) }),
    "a write that expects another version is refused",
  ],
  [
    "writes that stop half way",
    (store) => ({
      async write(session, changes) {
        const versions: number[] = [];
        for (const change of changes) versions.push(...(await store.write(session, [change])));
        return versions;
      },
    }),
    "a write is done as a whole or not at all",
  ],
  [
    "text that is cut at NUL",
    (store) => ({
      async get(key) {
        const record = (await store.get(key)) as StoredRecord | undefined;
        if (typeof record?.value !== "string") return record;
        return { ...record, value: String(record.value.split("\0")[0]) };
      },
    }),
    "text and bytes come back exactly as they were",
  ],
  [
    "bytes that are shared with the caller",
    (store) => {
      let shared: StoredRecord | undefined;
      return { get: async (key) => (shared ??= await store.get(key)) };
    },
    "bytes are nobody else's",
  ],
  [
    "sessions that do not end",
    (store) => ({
      openSession: (id, init) => store.openSession(id, { ...init, ttlMs: 3_600_000 }),
    }),
    "a session ends so long after its last use, with all its records",
  ],
  [
    "uses that do not count",
    () => ({ touchSession: () => true }),
    "every use keeps a session alive",
  ],
  [
    "records that do not end",
    (store) => ({ write: (session, changes) => store.write(session, without(changes, "ttlMs")) }),
    "a record with an end of its own is not read after it",
  ],
  [
    "sweeps that name nobody",
    () => ({ sweep: () => [] }),
    "a sweep names each session that has ended once",
  ],
  [
    "watches that hear nothing",
    () => ({ watch: () => ({ [Symbol.dispose]() {} }) }),
    "who watches hears of each change",
  ],
  [
    "watches that cannot be ended",
    (store) => ({
      async watch(session, listener) {
        await store.watch(session, listener);
        return { [Symbol.dispose]() {} };
      },
    }),
    "who watches hears of each change",
  ],
  [
    "steps that are lost",
    (store) => ({
      async write(session, changes, options) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        return store.write(session, without(changes, "expect"), options);
      },
    }),
    "of many who count at once none loses a step",
  ],
  [
    "ids that are not checked",
    (store) => ({ getSession: (id) => (id === "../x" ? undefined : store.getSession(id)) }),
    "ids and names outside the rules are refused everywhere",
  ],
  [
    "a close that does not close",
    () => ({ close: async () => {} }),
    "a closed store answers nothing more",
  ],
])("%s are found by the case of that name", async (_fault, change, name) => {
  const found = storeContract(faulty(change)).find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no case "${name}"`);
  await expect(found.run()).rejects.toThrow();
});

test("options that are missing or of no use are asked for by their names", () => {
  const make = () => storeContract({ largeValue: true, timeoutMs: 0 } as never);
  for (const part of [
    /open must be a function/,
    /isShared must be/,
    /meant largeValues\?/,
    /timeoutMs/,
  ]) {
    expect(make).toThrow(part);
  }
  expect(() => storeContract(undefined as never)).toThrow(/INVALID_OPTIONS/);
});
