import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { ErrorCode, SnakepitError } from "../../errors.ts";
import type {
  Awaitable,
  RecordChange,
  Scope,
  Store,
  StoredRecord,
  StoredValue,
  StoreLimits,
} from "../../store/store.ts";
import { refusedWith, within } from "../contract/checks.ts";
import type { StoreContract } from "./options.ts";

/** An empty store for one case, closed after it. */
export function withStore(
  options: StoreContract,
  limits: Partial<StoreLimits>,
  use: (store: Store) => Promise<void>,
): Promise<void> {
  return withStores(options, limits, 1, ([store]) => use(store as Store));
}

/** Several stores on the same space. */
export async function withStores(
  { open, timeoutMs }: StoreContract,
  limits: Partial<StoreLimits>,
  count: number,
  use: (stores: readonly Store[]) => Promise<void>,
): Promise<void> {
  const space = `contract-${randomUUID()}`;
  const stores: Store[] = [];
  try {
    for (let n = 0; n < count; n++) {
      stores.push(
        await within(
          timeoutMs,
          "opening a store",
          later(() => open(space, limits)),
        ),
      );
    }
    await within(timeoutMs, "the case", use(stores));
  } finally {
    for (const store of stores) await store.close();
  }
}

/** Backends may answer at once or with a promise, and throw or reject. */
export async function later<Value>(ask: () => Awaitable<Value>): Promise<Value> {
  return await ask();
}

export function refuses(
  code: ErrorCode,
  ask: () => Awaitable<unknown>,
  what: string,
): Promise<SnakepitError> {
  return refusedWith(code, later(ask), what);
}

export const hour = { ttlMs: 3_600_000, data: "" };

export function set(
  name: string,
  value: StoredValue,
  more: { readonly expect?: number; readonly ttlMs?: number; readonly namespace?: string } = {},
): RecordChange {
  return { kind: "set", namespace: "things", name, type: "thing", value, ...more };
}

export function drop(name: string, more: { readonly expect?: number } = {}): RecordChange {
  return { kind: "delete", namespace: "things", name, ...more };
}

export function read(
  store: Store,
  session: Scope,
  name: string,
  namespace = "things",
): Promise<StoredRecord | undefined> {
  return later(() => store.get({ session, namespace, name }));
}

export async function names(store: Store, session: Scope, namespace = "things"): Promise<string[]> {
  return (await store.list(session, namespace)).map(({ name }) => name);
}

/** Asks again until it holds. */
export async function untilHolds(
  { timeoutMs }: StoreContract,
  what: string,
  condition: () => Awaitable<boolean>,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    assert.ok(performance.now() < endMs, `${what}: not within ${timeoutMs} ms`);
    await delay(5);
  }
}
