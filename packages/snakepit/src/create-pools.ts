import { callback, checkIntegers, checkKinds, checkKnownKeys, show } from "./check-options.ts";
import { SnakepitError } from "./errors.ts";
import { holding } from "./hold.ts";
import { type NamedPoolOptions, startNamed } from "./named-pool.ts";
import { quotaOfStore, storeKind } from "./options.ts";
import type { Pools } from "./pools.ts";
import { RoutedPools, type SharedStore } from "./routed-pools.ts";
import { memoryStore } from "./store/memory-store.ts";
import { openStore } from "./store/open-store.ts";
import type { Store } from "./store/store.ts";

export interface PoolsOptions<Name extends string> {
  /** The pool for a command. Default: the first one. */
  readonly route?: (command: string) => Name;
  /** Where the sessions of all of them live. Default: the memory of this program. */
  readonly store?: Store | string;
  /** Sessions that may live at once; of a `store` that is given, the store's own limit counts. */
  readonly maxSessions?: number;
}

/**
 * Starts several pools side by side. When one of them does not start, none is left.
 * @throws SnakepitError INVALID_OPTIONS, or what kept a pool from starting, with its name
 */
export async function createPools<Name extends string>(
  pools: Readonly<Record<Name, NamedPoolOptions>>,
  options: PoolsOptions<NoInfer<Name>> = {},
): Promise<Pools<Name>> {
  const names = checkPools(pools, options);
  const shared = await sharedStore(options);
  const starts = await Promise.allSettled(
    names.map((name) => startNamed(name, pools[name], shared.store)),
  );
  const started = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  const broken = starts.find((start) => start.status === "rejected");
  if (broken !== undefined) {
    await Promise.all(started.map((pool) => pool.close({ graceMs: 0 })));
    if (shared.isOwned) await shared.store.close();
    throw broken.reason;
  }
  const entries = started.map((pool) => [pool.poolName as Name, pool] as const);
  return new RoutedPools(new Map(entries), options.route ?? (() => names[0] as Name), shared);
}

async function sharedStore({ store, maxSessions }: PoolsOptions<string>): Promise<SharedStore> {
  const limits = maxSessions === undefined ? {} : { maxSessions };
  if (store === undefined) return { store: memoryStore(limits), isOwned: true };
  if (typeof store !== "string") return { store, isOwned: false };
  return { store: await holding(openStore(store, limits)), isOwned: true };
}

function checkPools<Name extends string>(
  pools: Readonly<Record<Name, NamedPoolOptions>>,
  options: PoolsOptions<Name>,
): Name[] {
  const names = Object.keys(pools ?? {}) as Name[];
  const { store, maxSessions } = options ?? {};
  const problems = [
    ...checkKnownKeys("createPools", options, ["route", "store", "maxSessions"]),
    ...checkKinds(options, { route: callback, store: storeKind }),
    ...(maxSessions === undefined ? [] : checkIntegers({ maxSessions }, { maxSessions: 1 })),
    ...(store === undefined || typeof store === "string" || maxSessions === undefined
      ? []
      : [quotaOfStore]),
    ...(names.length > 0
      ? []
      : [`createPools needs at least one pool, as { general: { adapter } }, not ${show(pools)}`]),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  return names;
}
