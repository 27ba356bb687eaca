import assert from "node:assert/strict";
import type { RecordChange, Store } from "../../store/store.ts";
import { assertSame } from "../contract/checks.ts";
import type { StoreContract } from "./options.ts";
import { drop, hour, names, refuses, set, withStore } from "./with-store.ts";

const badIds: readonly unknown[] = [
  "",
  "../x",
  "a/b",
  "a\0",
  "\0",
  "a\n",
  "a b",
  "{a}",
  "é",
  "x".repeat(201),
  7,
  null,
];

export function badNames(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    await store.openSession("x".repeat(200), hour);
    for (const bad of badIds as readonly string[]) {
      const what = `the id ${JSON.stringify(bad)}`;
      const refused = (ask: () => unknown) => refuses("INVALID_ARGUMENT", async () => ask(), what);
      await refused(() => store.openSession(bad, hour));
      await refused(() => store.getSession(bad));
      await refused(() => store.touchSession(bad, "epoch"));
      await refused(() => store.updateSession(bad, "", 1));
      await refused(() => store.deleteSession(bad));
      await refused(() => store.get({ session: bad, namespace: "things", name: "a" }));
      await refused(() => store.get({ session: undefined, namespace: bad, name: "a" }));
      await refused(() => store.get({ session: undefined, namespace: "things", name: bad }));
      await refused(() => store.list(bad, "things"));
      await refused(() => store.list(undefined, bad));
      await refused(() => store.write(bad, [set("a", "1")]));
      await refused(() => store.write(undefined, [set("a", "1"), set(bad, "1")]));
      await refused(() => store.write(undefined, [set("a", "1", { namespace: bad })]));
      await refused(() => store.write(undefined, [drop(bad)]));
      await refused(() => store.watch(bad, () => {}));
    }
    assertSame(await names(store, undefined), [], "nothing was written");
    assert.equal(await store.countSessions(), 1, "no session was made");
  });
}

export function badArguments(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    await store.openSession("ada", hour);
    const refused = (what: string, ask: () => unknown) =>
      refuses("INVALID_ARGUMENT", async () => ask(), what);
    for (const ttlMs of [0, -1, 1.5, Number.NaN, "1" as never]) {
      await refused(`a ttl of ${ttlMs}`, () => store.openSession("new", { ttlMs, data: "" }));
      await refused(`a ttl of ${ttlMs}`, () => store.write("ada", [set("a", "1", { ttlMs })]));
    }
    for (const expect of [-1, 0.5, "1" as never]) {
      await refused(`expect ${expect}`, () => store.write("ada", [set("a", "1", { expect })]));
      await refused(`expect ${expect}`, () => store.updateSession("ada", "", expect));
    }
    for (const type of ["", "x".repeat(201), "a\0", 7]) {
      const change = { ...set("a", "1"), type } as RecordChange;
      await refused(`the type ${JSON.stringify(type)}`, () => store.write("ada", [change]));
    }
    for (const value of [7, null, undefined, {}, [1]]) {
      await refused("a value that is none", () => store.write("ada", [set("a", value as never)]));
    }
    const data = 7 as never;
    await refused("data that is no text", () => store.openSession("new", { ttlMs: 1, data }));
    const unknown = { ...set("a", "1"), kind: "put" } as never;
    await refused("an unknown change", () => store.write("ada", [unknown]));
    await refused("a record twice", () => store.write("ada", [set("a", "1"), drop("a")]));
    const many = Array.from({ length: 1_001 }, (_, n) => set(`n${n}`, ""));
    await refused("1,001 changes", () => store.write("ada", many));
    await refused("a limit of 0", () => store.listSessions({ limit: 0 }));
    await refused("a sweep of 0", () => store.sweep(0));
    await refused("a listener that is none", () => store.watch("ada", undefined as never));
    assertSame(await names(store, "ada"), [], "nothing was written");
    assert.equal(await store.countSessions(), 1, "no session was made");
  });
}

export function afterTheEnd(options: StoreContract): Promise<void> {
  return withStore(options, {}, async (store) => {
    await store.openSession("ada", hour);
    await store.watch("ada", () => {});
    await store.close();
    await store.close();
    const asks: readonly ((store: Store) => unknown)[] = [
      () => store.openSession("ada", hour),
      () => store.getSession("ada"),
      () => store.touchSession("ada", "epoch"),
      () => store.updateSession("ada", "", 1),
      () => store.deleteSession("ada"),
      () => store.listSessions(),
      () => store.countSessions(),
      () => store.sweep(),
      () => store.get({ session: "ada", namespace: "things", name: "a" }),
      () => store.list("ada", "things"),
      () => store.write(undefined, [set("a", "1")]),
      () => store.watch("ada", () => {}),
    ];
    for (const ask of asks) {
      await refuses("STORE_UNAVAILABLE", async () => ask(store), `${ask} after the end`);
    }
  });
}
