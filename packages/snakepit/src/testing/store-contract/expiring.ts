import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { SnakepitError } from "../../errors.ts";
import type { Store } from "../../store/store.ts";
import { assertSame } from "../contract/checks.ts";
import type { StoreContract } from "./options.ts";
import { hour, names, read, refuses, set, untilHolds, withStore } from "./with-store.ts";

const brief = { ttlMs: 200, data: "" };

export function sessionsEnd(options: StoreContract): Promise<void> {
  return withStore(options, { maxSessions: 2 }, async (store) => {
    const { session } = await store.openSession("brief", brief);
    await unlessOver(() =>
      store.write("brief", [set("a", "1"), set("b", new Uint8Array(300_000))]),
    );
    await store.openSession("other", hour);
    await untilEnded(options, store, "brief");
    const { epoch } = session;
    assert.equal(await store.touchSession("brief", epoch), false, "a touch of what has ended");
    assert.equal(await read(store, "brief", "a"), undefined, "a record of it");
    assert.equal(await read(store, "brief", "b"), undefined, "a large record of it");
    assertSame(await names(store, "brief"), [], "a list of them");
    assert.equal(await store.countSessions(), 1, "sessions that live");
    assertSame(
      (await store.listSessions()).map(({ id }) => id),
      ["other"],
      "their list",
    );
    const write = () => store.write("brief", [set("a", "2")]);
    await refuses("SESSION_NOT_FOUND", write, "a write into it");
    const update = () => store.updateSession("brief", "", 1);
    await refuses("SESSION_NOT_FOUND", update, "an update of it");
    assert.equal(await store.deleteSession("brief", epoch), false, "deleting it");

    const again = await store.openSession("brief", hour);
    assertSame([again.isNew, again.sessions], [true, 2], "it is made anew, within the quota");
    assert.notEqual(again.session.epoch, epoch, "with another epoch");
    assertSame(await names(store, "brief"), [], "and without the records of the old one");
    assertSame(await store.sweep(), [], "so that there is nothing to sweep");
  });
}

/** One session is used again and again, another of the same kind is not: only that one ends. */
export async function useKeepsThemAlive(options: StoreContract): Promise<void> {
  const ttlMs = 500;
  const uses: readonly ((store: Store, epoch: string) => unknown)[] = [
    (store, epoch) => store.touchSession("used", epoch),
    (store) => store.openSession("used", hour),
    (store) => store.write("used", [set("a", "1")]),
    async (store) => {
      const found = await store.getSession("used");
      if (found !== undefined) await store.updateSession("used", "", found.version);
    },
  ];
  for (const use of uses) {
    await withStore(options, {}, async (store) => {
      // A machine that was busy for longer than the ttl proves nothing.
      for (let isProved = false; !isProved; ) isProved = await outlives(store, ttlMs, use);
    });
  }
}

async function outlives(
  store: Store,
  ttlMs: number,
  use: (store: Store, epoch: string) => unknown,
): Promise<boolean> {
  await store.deleteSession("used");
  await store.deleteSession("idle");
  const { session } = await store.openSession("used", { ttlMs, data: "" });
  await store.openSession("idle", { ttlMs, data: "" });
  let wasSlow = false;
  while ((await store.getSession("idle")) !== undefined) {
    const beforeMs = performance.now();
    try {
      await use(store, session.epoch);
      await delay(5);
    } catch {
      wasSlow = true; // or it is a fault, which the next attempt meets again
    }
    wasSlow ||= performance.now() - beforeMs > ttlMs / 2;
  }
  const used = await store.getSession("used");
  if (wasSlow) return false;
  assert.equal(used?.epoch, session.epoch, "the session that was used lives on");
  assert.ok(used.lastUsedAtMs > used.createdAtMs, "its last use was after its first");
  return true;
}

export function readingIsNoUse(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    await store.openSession("brief", brief);
    await unlessOver(() => store.write("brief", [set("a", "1")]));
    await untilHolds(options, "the end of a session that is only read", async () => {
      await read(store, "brief", "a");
      await store.list("brief", "things");
      return (await store.getSession("brief")) === undefined;
    });
  });
}

export function recordsEnd(options: StoreContract): Promise<void> {
  return withStore(options, { maxRecords: 2 }, async (store) => {
    await store.openSession("ada", hour);
    for (const scope of ["ada", undefined]) {
      const large = new Uint8Array(300_000);
      await store.write(scope, [set("a", "1")]);
      const versions = await store.write(scope, [set("a", large, { ttlMs: 50 }), set("b", "1")]);
      assertSame(versions, [2, 1], "a record that will end");
      await untilHolds(options, "the end of a record", async () => {
        return (await read(store, scope, "a")) === undefined;
      });
      assertSame(await names(store, scope), ["b"], "the list of what lives");
      const stale = () => store.write(scope, [set("a", "x", { expect: 2 })]);
      const error = await refuses("VERSION_CONFLICT", stale, "a write on top of what has ended");
      assertSame(error.details, { name: "a", expected: 2, current: 0 }, "the details");
      const other = await store.write(scope, [set("c", "1")]);
      assert.equal(other.length, 1, "what has ended takes no room");
      await store.write(scope, [{ kind: "delete", namespace: "things", name: "c" }]);
      const [version] = await store.write(scope, [set("a", "1", { expect: 0 })]);
      assert.ok(Number(version) > 2, "the versions of what has ended do not come again");
      await store.write(scope, [set("a", "1", { ttlMs: 60_000 })]);
      assert.equal((await read(store, scope, "a"))?.value, "1", "it lives as it was last told");
    }
  });
}

export function aWriteWithoutAnEndLasts(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    await store.write(undefined, [
      set("kept", "1", { ttlMs: 200 }),
      set("brief", "1", { ttlMs: 200 }),
    ]);
    await store.write(undefined, [set("kept", "2")]);
    await untilHolds(options, "the end of the other record", async () => {
      return (await read(store, undefined, "brief")) === undefined;
    });
    await store.sweep();
    assert.equal((await read(store, undefined, "kept"))?.value, "2", "the record without an end");
  });
}

export function sweeping(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    const ids = Array.from({ length: 7 }, (_, n) => `brief-${n}`);
    for (const id of ids) await store.openSession(id, brief);
    await store.openSession("lives", hour);
    await store.write(undefined, [set("a", "1", { ttlMs: 1 }), set("b", "1")]);
    for (const id of ids) await untilEnded(options, store, id);
    const swept: string[] = [];
    for (;;) {
      const some = await store.sweep(3);
      assert.ok(some.length <= 3, "a sweep names at most its limit");
      if (some.length === 0) break;
      swept.push(...some);
    }
    assertSame(swept.toSorted(), ids, "each that has ended is named once");
    assert.ok(await store.getSession("lives"), "what lives stays");
    assertSame(await names(store, undefined), ["b"], "records that live stay");
  });
}

function untilEnded(options: StoreContract, store: Store, id: string): Promise<void> {
  return untilHolds(options, `the end of session ${id}`, async () => {
    return (await store.getSession(id)) === undefined;
  });
}

/** On a machine that was busy, a brief session may have ended before its first record. */
async function unlessOver(write: () => unknown): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!SnakepitError.is(error, "SESSION_NOT_FOUND")) throw error;
  }
}
