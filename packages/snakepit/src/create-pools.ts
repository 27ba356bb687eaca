import { callback, checkIntegers, checkKinds, checkKnownKeys, show } from "./check-options.ts";
import { SnakepitError } from "./errors.ts";
import { type NamedPoolOptions, startNamed } from "./named-pool.ts";
import { storeKind } from "./options.ts";
import type { Pools } from "./pools.ts";
import { RoutedPools } from "./routed-pools.ts";
import { memoryStore } from "./store/memory-store.ts";
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
  const { maxSessions } = options;
  const store = options.store ?? memoryStore(maxSessions === undefined ? {} : { maxSessions });
  const shared = { store: store as Store, isOwned: options.store === undefined };
  const starts = await Promise.allSettled(
    names.map((name) => startNamed(name, pools[name], shared.store)),
  );
  const started = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  const broken = starts.find((start) => start.status === "rejected");
  if (broken !== undefined) {
    await Promise.all(started.map((pool) => pool.close({ graceMs: 0 })));
    throw broken.reason;
  }
  const entries = started.map((pool) => [pool.poolName as Name, pool] as const);
  return new RoutedPools(new Map(entries), options.route ?? (() => names[0] as Name), shared);
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
    ...(store === undefined || maxSessions === undefined
      ? []
      : ["maxSessions is the store's own when a store is given; set it there"]),
    ...(names.length > 0
      ? []
      : [`createPools needs at least one pool, as { general: { adapter } }, not ${show(pools)}`]),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  return names;
}
