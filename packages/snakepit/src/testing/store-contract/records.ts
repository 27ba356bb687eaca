import assert from "node:assert/strict";
import { assertSame } from "../contract/checks.ts";
import type { StoreContract } from "./options.ts";
import { drop, hour, later, names, read, refuses, set, withStore } from "./with-store.ts";

/** What holds for the records of a session holds for those of nobody. */
const scopes = ["ada", undefined];

export function versions(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    await store.openSession("ada", hour);
    for (const scope of scopes) {
      assertSame(await store.write(scope, [set("a", "1")]), [1], "the first version");
      assertSame(await store.write(scope, [set("a", "2")]), [2], "the next");
      assertSame(await store.write(scope, [set("b", "1"), set("a", "3")]), [1, 3], "of two");
      const record = await read(store, scope, "a");
      const expected = { namespace: "things", name: "a", version: 3, type: "thing", bytes: 1 };
      assertSame(record, { ...expected, value: "3" }, "the record");
      assertSame(await store.write(scope, []), [], "a write of nothing");
    }
  });
}

export function compareAndSet(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    await store.openSession("ada", hour);
    for (const scope of scopes) {
      await store.write(scope, [set("a", "1", { expect: 0 })]);
      const twice = () => store.write(scope, [set("a", "x", { expect: 0 })]);
      const error = await refuses("VERSION_CONFLICT", twice, "making what exists");
      assertSame(error.details, { name: "a", expected: 0, current: 1 }, "the details");
      assertSame(await store.write(scope, [set("a", "2", { expect: 1 })]), [2], "the expected");
      const stale = () => store.write(scope, [set("a", "x", { expect: 1 })]);
      await refuses("VERSION_CONFLICT", stale, "a version that is over");
      const missing = () => store.write(scope, [set("b", "x", { expect: 1 })]);
      const none = await refuses("VERSION_CONFLICT", missing, "a record that does not exist");
      assertSame(none.details, { name: "b", expected: 1, current: 0 }, "the details");
      const lateDrop = () => store.write(scope, [drop("a", { expect: 1 })]);
      await refuses("VERSION_CONFLICT", lateDrop, "deleting another version");
      assert.equal((await read(store, scope, "a"))?.value, "2", "a refused write changes nothing");
      assertSame(await store.write(scope, [drop("a", { expect: 2 })]), [2], "deleting it");
      assertSame(await store.write(scope, [drop("a", { expect: 0 })]), [0], "what is not there");
    }
  });
}

export function tombstones(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    await store.openSession("ada", hour);
    for (const scope of scopes) {
      for (const value of ["1", "2", "3"]) await store.write(scope, [set("a", value)]);
      assertSame(await store.write(scope, [drop("a")]), [3], "the version of what is gone");
      assertSame(await store.write(scope, [drop("a")]), [0], "of nothing");
      assert.equal(await read(store, scope, "a"), undefined, "a deleted record");
      assertSame(await store.write(scope, [set("a", "4")]), [4], "the same name again");
      assertSame(await store.write(scope, [set("b", "1")]), [4], "a name that is new");
      const old = () => store.write(scope, [set("a", "x", { expect: 3 })]);
      await refuses("VERSION_CONFLICT", old, "a version from before");
    }
  });
}

export function batches(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    await store.openSession("ada", hour);
    const large = new Uint8Array(300_000).fill(7);
    for (const scope of scopes) {
      await store.write(scope, [set("a", "1"), set("b", "1"), set("c", "1")]);
      const conflicting = () =>
        store.write(scope, [
          set("a", "2"),
          set("new", large),
          drop("b"),
          set("c", "2", { expect: 7 }),
        ]);
      await refuses("VERSION_CONFLICT", conflicting, "a batch with one conflict");
      assertSame(await names(store, scope), ["a", "b", "c"], "nothing of it was done");
      assert.equal((await read(store, scope, "a"))?.value, "1", "nor this");
      const done = await store.write(scope, [set("a", "2"), set("new", large), drop("b")]);
      assertSame(done, [2, 1, 1], "a batch without");
      assertSame(await names(store, scope), ["a", "c", "new"], "all of it was done");
    }
    const many = Array.from({ length: 1_000 }, (_, n) => set(`n${n}`, `${n}`));
    assert.equal((await store.write("ada", many)).length, 1_000, "a batch of 1,000");
    assert.equal((await read(store, "ada", "n999"))?.value, "999", "its last");
  });
}

export function lists(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    await store.openSession("ada", hour);
    await store.openSession("ada.2", hour);
    const order = ["b", "a", "B", "a:b", "a.b", "_", "10", "9", "a-b"];
    for (const scope of scopes) {
      await store.write(
        scope,
        order.map((name) => set(name, name)),
      );
      await store.write(scope, [set("elsewhere", "é", { namespace: "other" })]);
      assertSame(await names(store, scope), order.toSorted(), "names in order");
      const info = { namespace: "other", name: "elsewhere", version: 1, type: "thing", bytes: 2 };
      assertSame(await store.list(scope, "other"), [info], "the other namespace, without values");
      assertSame(await names(store, scope, "thing"), [], "a namespace that holds nothing");
      assert.equal(await read(store, scope, "b", "other"), undefined, "a name of the other one");
    }
    assertSame(await names(store, "ada.2"), [], "the records of another session");
    assertSame(await names(store, "nobody"), [], "the records of no session");
    assert.equal(await read(store, "nobody", "a"), undefined, "a record of no session");
    const nobody = () => store.write("nobody", [set("a", "1")]);
    await refuses("SESSION_NOT_FOUND", nobody, "a write into no session");
    await store.deleteSession("ada");
    assertSame(await names(store, undefined), order.toSorted(), "those of nobody stay");
  });
}

export function quota(options: StoreContract): Promise<void> {
  return withStore(options, { maxRecords: 3 }, async (store) => {
    await store.openSession("ada", hour);
    await store.openSession("bob", hour);
    for (const scope of scopes) {
      await store.write(scope, [set("a", "1"), set("b", "1")]);
      const two = () => store.write(scope, [set("c", "1"), set("d", "1")]);
      const error = await refuses("QUOTA_EXCEEDED", two, "a record too many");
      const whose = scope === undefined ? {} : { sessionId: scope };
      assertSame(error.details, { what: "records", limit: 3, ...whose }, "the details");
      assertSame(await names(store, scope), ["a", "b"], "a refused write leaves nothing");
      await store.write(scope, [set("c", "1")]);
      assertSame(await store.write(scope, [set("a", "2")]), [2], "what exists can be written");
      const swapped = await later(() => store.write(scope, [drop("a"), set("d", "1")]));
      assert.equal(swapped.length, 2, "one goes and one comes");
    }
    await store.write("bob", [set("a", "1"), set("b", "1"), set("c", "1")]);
  });
}
