import { callback, checkKinds, checkKnownKeys, closest, show } from "./check-options.ts";
import { createPool } from "./create-pool.ts";
import { SnakepitError } from "./errors.ts";
import type { PoolOptions } from "./options.ts";
import type { CallOptions, CloseOptions, CommandMap, Pool, PoolStats } from "./pool.ts";

export interface PoolsOptions<Name extends string> {
  /** The pool for a command. Default: the first one. */
  readonly route?: (command: string) => Name;
}

/** Several pools behind one pair of verbs: each command goes to the pool that its route names. */
export interface Pools<Name extends string = string> extends AsyncDisposable {
  /** As `Pool.execute`. @throws SnakepitError UNKNOWN_POOL when the route names none of them */
  execute(command: string, args?: unknown, options?: CallOptions): Promise<unknown>;
  stream(
    command: string,
    args?: unknown,
    options?: CallOptions,
  ): AsyncIterableIterator<unknown, undefined>;
  /** @throws SnakepitError UNKNOWN_POOL */
  pool(name: Name): Pool<CommandMap>;
  stats(): Readonly<Record<Name, PoolStats>>;
  /** Closes all of them, side by side. */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Starts several pools side by side. When one of them does not start, none is left.
 * @throws SnakepitError INVALID_OPTIONS, or what kept a pool from starting, with its name
 */
export async function createPools<Name extends string>(
  pools: Readonly<Record<Name, PoolOptions>>,
  options: PoolsOptions<NoInfer<Name>> = {},
): Promise<Pools<Name>> {
  const names = checkPools(pools, options);
  const starts = await Promise.allSettled(
    names.map(async (name) => [name, await createPool(pools[name])] as const),
  );
  const started = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  const broken = starts.findIndex((start) => start.status === "rejected");
  if (broken >= 0) {
    await Promise.all(started.map(([, pool]) => pool.close({ graceMs: 0 })));
    throw named(names[broken] as Name, (starts[broken] as PromiseRejectedResult).reason);
  }
  return new RoutedPools(new Map(started), options.route ?? (() => names[0] as Name));
}

class RoutedPools<Name extends string> implements Pools<Name> {
  readonly #pools: ReadonlyMap<Name, Pool>;
  readonly #route: (command: string) => Name;

  constructor(pools: ReadonlyMap<Name, Pool>, route: (command: string) => Name) {
    this.#pools = pools;
    this.#route = route;
  }

  async execute(command: string, args?: unknown, options?: CallOptions): Promise<unknown> {
    return this.pool(this.#route(command)).execute(command, args, options);
  }

  stream(
    command: string,
    args?: unknown,
    options?: CallOptions,
  ): AsyncIterableIterator<unknown, undefined> {
    return this.pool(this.#route(command)).stream(command, args, options);
  }

  pool(name: Name): Pool {
    const pool = this.#pools.get(name);
    if (pool === undefined) throw unknownPool(name, [...this.#pools.keys()]);
    return pool;
  }

  stats(): Readonly<Record<Name, PoolStats>> {
    const entries = [...this.#pools].map(([name, pool]) => [name, pool.stats()]);
    return Object.fromEntries(entries);
  }

  async close(options?: CloseOptions): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.close(options)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function checkPools<Name extends string>(
  pools: Readonly<Record<Name, PoolOptions>>,
  options: PoolsOptions<Name>,
): Name[] {
  const names = Object.keys(pools ?? {}) as Name[];
  const problems = [
    ...checkKnownKeys("createPools", options, ["route"]),
    ...checkKinds(options, { route: callback }),
    ...(names.length > 0
      ? []
      : [`createPools needs at least one pool, as { general: { adapter } }, not ${show(pools)}`]),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  return names;
}

function named(name: string, error: unknown): unknown {
  if (!SnakepitError.is(error)) return error;
  const { code, outcome, details } = error as SnakepitError<string>;
  const text = error.message.replace(/^\[\w+\] /, "");
  return new SnakepitError<string>(code, `pool ${show(name)}: ${text}`, {
    cause: error,
    outcome,
    details: { ...details, pool: name },
  });
}

function unknownPool(name: unknown, known: readonly string[]): SnakepitError<"UNKNOWN_POOL"> {
  const near = typeof name === "string" ? closest(name, known) : undefined;
  const hint = near === undefined ? `there are ${known.join(", ")}` : `did you mean ${near}?`;
  return new SnakepitError("UNKNOWN_POOL", `there is no pool ${show(name)}; ${hint}`, {
    outcome: "not-started",
    details: { pool: name, known },
  });
}
