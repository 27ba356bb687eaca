import assert from "node:assert/strict";
import type { RecordHint, Scope, Store } from "../../store/store.ts";
import { assertSame } from "../contract/checks.ts";
import type { StoreContract } from "./options.ts";
import { drop, hour, set, untilHolds, withStore, withStores } from "./with-store.ts";

export function ownChanges(options: StoreContract): Promise<void> {
  return withStore(options, {}, (store) => hearing(options, store, store));
}

export function changesOfOthers(options: StoreContract): Promise<void> {
  return withStores(options, {}, 2, async ([first, second]) => {
    await hearing(options, first as Store, second as Store);
  });
}

async function hearing(options: StoreContract, writer: Store, reader: Store): Promise<void> {
  await writer.openSession("ada", hour);
  await writer.write("ada", [set("before", "1")]);
  for (const scope of ["ada", undefined] as const) {
    const hints: RecordHint[] = [];
    const watch = await reader.watch(scope, (hint) => hints.push(hint));
    const last = () => hints.at(-1);
    await writer.write(scope, [set("a", "1"), set("b", new Uint8Array(300_000))]);
    await untilHolds(options, "both hints", () => new Set(hints.map(nameOf)).size === 2);
    assertSame(hints.map(nameOf).toSorted(), ["a 1", "b 1"], "each of them once");
    assert.equal(last()?.namespace, "things", "the namespace");

    await writer.write(scope, [set("a", "2")]);
    await untilHolds(options, "the hint of a new version", () => last()?.version === 2);
    await writer.write(scope, [drop("a")]);
    await untilHolds(options, "the hint of a deletion", () => last()?.isDeleted === true);
    assertSame(last(), { namespace: "things", name: "a", version: 2, isDeleted: true }, "it");

    watch[Symbol.dispose]();
    const heard = hints.length;
    await untilAnotherHears(options, writer, reader, scope);
    assert.equal(hints.length, heard, "who does not watch any more hears nothing");
  }
}

/** So that whatever was under way has arrived. */
async function untilAnotherHears(
  options: StoreContract,
  writer: Store,
  reader: Store,
  scope: Scope,
): Promise<void> {
  let heard = 0;
  using _ = await reader.watch(scope, () => heard++);
  await writer.write(scope, [set("c", "1")]);
  await untilHolds(options, "the hint for another listener", () => heard > 0);
}

export function scopesApart(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    await store.openSession("ada", hour);
    await store.openSession("bob", hour);
    const heard: string[] = [];
    using _ada = await store.watch("ada", (hint) => heard.push(`ada ${hint.name}`));
    using _global = await store.watch(undefined, (hint) => heard.push(`global ${hint.name}`));
    await store.write("bob", [set("of-bob", "1")]);
    await store.write("ada", [set("of-ada", "1")]);
    await store.write(undefined, [set("of-nobody", "1")]);
    await untilHolds(options, "two hints", () => heard.length >= 2);
    assertSame(heard.toSorted(), ["ada of-ada", "global of-nobody"], "hints of their own scope");
  });
}

export function deletedSession(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    await store.openSession("ada", hour);
    await store.write("ada", [set("a", "1")]);
    const hints: RecordHint[] = [];
    using _ = await store.watch("ada", (hint) => hints.push(hint));
    await store.deleteSession("ada");
    await untilHolds(options, "the hint of a record that went with its session", () => {
      return hints.some(({ name, isDeleted }) => name === "a" && isDeleted);
    });
  });
}

function nameOf({ name, version }: RecordHint): string {
  return `${name} ${version}`;
}
