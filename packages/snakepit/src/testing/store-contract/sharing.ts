import assert from "node:assert/strict";
import { SnakepitError } from "../../errors.ts";
import type { Scope, Store } from "../../store/store.ts";
import { assertSame } from "../contract/checks.ts";
import type { StoreContract } from "./options.ts";
import { hour, names, read, set, untilHolds, withStore, withStores } from "./with-store.ts";

const writers = 8;
const rounds = 25;

export function counters(options: StoreContract): Promise<void> {
  return withStore(options, {}, (store) => countTogether([store]));
}

export function sharedCounters(options: StoreContract): Promise<void> {
  return withStores(options, {}, 2, countTogether);
}

/** Many read a number and write the next one: no step may be lost. */
async function countTogether(stores: readonly Store[]): Promise<void> {
  await stores[0]?.openSession("ada", hour);
  for (const scope of ["ada", undefined]) {
    const counting = Array.from({ length: writers }, async (_, n) => {
      const store = stores[n % stores.length] as Store;
      for (let round = 0; round < rounds; round++) await increment(store, scope);
    });
    await Promise.all(counting);
    const record = await read(stores[0] as Store, scope, "counter");
    assert.equal(Number(record?.value), writers * rounds, "the counter");
    assert.equal(record?.version, writers * rounds, "its version");
  }
}

async function increment(store: Store, scope: Scope): Promise<void> {
  for (;;) {
    const record = await read(store, scope, "counter");
    const change = set("counter", String(Number(record?.value ?? 0) + 1), {
      expect: record?.version ?? 0,
    });
    try {
      await store.write(scope, [change]);
      return;
    } catch (error) {
      if (!SnakepitError.is(error, "VERSION_CONFLICT")) throw error;
    }
  }
}

export function oneTruth(options: StoreContract): Promise<void> {
  return withStores(options, { maxSessions: 2 }, 2, async ([first, second]) => {
    if (first === undefined || second === undefined) return assert.fail("there are two");
    const { session } = await first.openSession("ada", { ttlMs: 60_000, data: "by the first" });
    const found = await second.openSession("ada", hour);
    assertSame([found.isNew, found.session.data], [false, "by the first"], "one session");
    assert.equal(found.session.epoch, session.epoch, "of one epoch");
    const large = new Uint8Array(600_000).fill(5);
    await first.write("ada", [set("a", large)]);
    assertSame((await read(second, "ada", "a"))?.value, large, "what the other has written");
    assertSame(await second.write("ada", [set("a", "2")]), [2], "its next version");
    assert.equal((await read(first, "ada", "a"))?.value, "2", "what the other has written");
    const opened = await Promise.allSettled([
      Promise.resolve().then(() => first.openSession("b", hour)),
      Promise.resolve().then(() => second.openSession("c", hour)),
    ]);
    const states = opened.map(({ status }) => status).toSorted();
    assertSame(states, ["fulfilled", "rejected"], "the quota counts for both together");
    await second.deleteSession("ada");
    assert.equal(await first.getSession("ada"), undefined, "what the other has deleted");
    assertSame(await names(first, "ada"), [], "and its records");
  });
}

export function sweptOnce(options: StoreContract): Promise<void> {
  return withStores(options, {}, 2, async (stores) => {
    const [first] = stores as [Store];
    const ids = Array.from({ length: 20 }, (_, n) => `brief-${n}`);
    for (const id of ids) await first.openSession(id, { ttlMs: 20, data: "" });
    await untilHolds(options, "the end of all sessions", async () => {
      return (await first.countSessions()) === 0;
    });
    const swept: string[] = [];
    await Promise.all(
      [...stores, ...stores].map(async (store) => {
        for (let n = 0; n < 10; n++) swept.push(...(await store.sweep(3)));
      }),
    );
    assertSame(swept.toSorted(), ids.toSorted(), "each session is named to one");
  });
}
