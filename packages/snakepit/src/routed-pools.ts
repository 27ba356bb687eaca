import { checkKinds, checkKnownKeys, closest, show, truth } from "./check-options.ts";
import { invalidArgument, SnakepitError } from "./errors.ts";
import { checkListener } from "./event-hub.ts";
import type { PoolEventName, PoolEventOf } from "./events.ts";
import { type NamedPoolOptions, startNamed } from "./named-pool.ts";
import type { CallOptions, CloseOptions, Pool, PoolHealth, PoolStats } from "./pool.ts";
import { closedError } from "./pool-errors.ts";
import type { ByPool, Pools, RemoveOptions } from "./pools.ts";
import type { Records } from "./records.ts";
import { RoutedSession, type RoutedSessionOwner } from "./routed-session.ts";
import { GLOBAL_SESSION, type Session, type SessionOptions } from "./session.ts";
import { SessionAdmin } from "./session-admin.ts";
import { scopedSessionOver } from "./session-scope.ts";
import { checkSame, checkSession, resolveSession } from "./session-settings.ts";
import type { Sessions } from "./sessions.ts";
import type { Store } from "./store/store.ts";
import { StoreAccess } from "./store-access.ts";
import type { WorkerPool } from "./worker-pool.ts";

export interface SharedStore {
  readonly store: Store;
  /** It is closed with the pools. */
  readonly isOwned: boolean;
}

interface EventListener {
  readonly name: PoolEventName | "*";
  readonly listener: (event: PoolEventOf<"*">, pool: string) => void;
  readonly on: Map<string, Disposable>;
}

export class RoutedPools<Name extends string> implements Pools<Name>, RoutedSessionOwner {
  readonly sessions: Sessions;
  readonly access: StoreAccess;
  readonly #pools: Map<string, WorkerPool>;
  readonly #route: (command: string) => Name;
  readonly #shared: SharedStore;
  /** Those that are in use. */
  readonly #sessions = new Map<string, RoutedSession>();
  readonly #listeners = new Set<EventListener>();
  /** On their way: their names are taken. */
  readonly #starting = new Set<string>();
  #closing: Promise<void> | undefined;

  constructor(
    pools: Map<string, WorkerPool>,
    route: (command: string) => Name,
    shared: SharedStore,
  ) {
    this.#pools = pools;
    this.#route = route;
    this.#shared = shared;
    // The pools report what the store does: each asks it for itself.
    this.access = new StoreAccess(shared.store, () => {});
    this.sessions = new SessionAdmin(
      this.access,
      () => [...this.#pools.values()].map(({ book }) => book),
      (event) => this.#anyPool()?.emit(event),
    );
  }

  async execute(command: string, args?: unknown, options?: CallOptions): Promise<unknown> {
    return (scopedSessionOver(this) ?? this.routed(command)).execute(command, args, options);
  }

  stream(
    command: string,
    args?: unknown,
    options?: CallOptions,
  ): AsyncIterableIterator<unknown, undefined> {
    return (scopedSessionOver(this) ?? this.routed(command)).stream(command, args, options);
  }

  /** RoutedSessionOwner */
  routed(command: string): WorkerPool {
    return this.pool(this.#route(command));
  }

  names(): readonly string[] {
    return [...this.#pools.keys()];
  }

  pool(name: string): WorkerPool {
    const pool = this.#pools.get(name);
    if (pool === undefined) throw unknownPool(name, this.names());
    return pool;
  }

  async add(name: string, options: NamedPoolOptions): Promise<Pool> {
    if (this.#closing !== undefined) throw closedError();
    if (this.#pools.has(name) || this.#starting.has(name)) throw duplicate(name);
    if (typeof name !== "string" || name === "") throw noName(name);
    this.#starting.add(name);
    try {
      const pool = await startNamed(name, options, this.#shared.store);
      // Meanwhile somebody may have closed them all.
      if (this.#closing !== undefined) {
        await pool.close({ graceMs: 0 });
        throw closedError();
      }
      this.#pools.set(name, pool);
      for (const listener of this.#listeners) listen(listener, name, pool);
      return pool;
    } finally {
      this.#starting.delete(name);
    }
  }

  async remove(name: string, options: RemoveOptions = {}): Promise<void> {
    const pool = this.pool(name);
    const { force = false, ...close } = options;
    const problems = [
      ...checkKnownKeys("remove", options, ["force", "graceMs"]),
      ...checkKinds(options, { force: truth }),
    ];
    if (problems.length > 0) throw invalidArgument(problems.join("; "));
    if (!force && pool.book.size > 0) throw hasSessions(name, pool.book.size);
    if (this.#pools.size === 1) throw isLast(name);
    this.#pools.delete(name);
    await pool.close(close);
    for (const { on } of this.#listeners) on.delete(name);
  }

  session(id?: string, options: SessionOptions = {}): Session {
    if (this.#closing !== undefined) throw closedError();
    checkSession(id, options);
    if (options.pool !== undefined) this.pool(options.pool);
    const known = id === undefined ? undefined : this.#sessions.get(id);
    if (known === undefined) return new RoutedSession(this, id, options);
    checkSame(known.id, resolveSession(known.options), options);
    return known;
  }

  /** RoutedSessionOwner */
  began(session: RoutedSession): void {
    if (!this.#sessions.has(session.id)) this.#sessions.set(session.id, session);
  }

  /** RoutedSessionOwner */
  ended(session: RoutedSession): void {
    if (this.#sessions.get(session.id) === session) this.#sessions.delete(session.id);
  }

  records(namespace: string): Records {
    return this.session(GLOBAL_SESSION).records(namespace);
  }

  /** RoutedSessionOwner */
  pools(): readonly WorkerPool[] {
    return [...this.#pools.values()];
  }

  stats(): ByPool<Name, PoolStats> {
    const entries = [...this.#pools].map(([name, pool]) => [name, pool.stats()]);
    return Object.fromEntries(entries) as ByPool<Name, PoolStats>;
  }

  async health(): Promise<ByPool<Name, PoolHealth>> {
    const asked = [...this.#pools].map(
      async ([name, pool]) => [name, await pool.health()] as const,
    );
    return Object.fromEntries(await Promise.all(asked)) as ByPool<Name, PoolHealth>;
  }

  on<Event extends PoolEventName | "*">(
    name: Event,
    listener: (event: PoolEventOf<Event>, pool: string) => void,
  ): Disposable {
    checkListener(name, listener);
    const own: EventListener = {
      name,
      listener: listener as EventListener["listener"],
      on: new Map(),
    };
    this.#listeners.add(own);
    for (const [pool, one] of this.#pools) listen(own, pool, one);
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(own);
        for (const one of own.on.values()) one[Symbol.dispose]();
      },
    };
  }

  close(options?: CloseOptions): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async #close(options: CloseOptions | undefined): Promise<void> {
    const closes = [...this.#pools.values()].map((pool) => pool.close(options));
    const ends = await Promise.allSettled(closes);
    if (this.#shared.isOwned) await this.access.tell((store) => store.close());
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #anyPool(): WorkerPool | undefined {
    return this.#pools.values().next().value;
  }
}

function listen({ name, listener, on }: EventListener, poolName: string, pool: Pool): void {
  on.set(
    poolName,
    pool.on(name, (event) => listener(event, poolName)),
  );
}

function unknownPool(name: unknown, known: readonly string[]): SnakepitError<"UNKNOWN_POOL"> {
  const near = typeof name === "string" ? closest(name, known) : undefined;
  const hint = near === undefined ? `there are ${known.join(", ")}` : `did you mean ${near}?`;
  return new SnakepitError("UNKNOWN_POOL", `there is no pool ${show(name)}; ${hint}`, {
    outcome: "not-started",
    details: { pool: name, known },
  });
}

function duplicate(name: string): SnakepitError<"INVALID_ARGUMENT"> {
  return invalidArgument(
    `there is a pool ${show(name)} already; remove it first, or use another name`,
  );
}

function noName(name: unknown): SnakepitError<"INVALID_ARGUMENT"> {
  return invalidArgument(
    `the name of a pool must be a string that is not empty, not ${show(name)}`,
  );
}

function hasSessions(name: string, sessions: number): SnakepitError<"NOT_ALLOWED"> {
  return notAllowed(
    `${sessions === 1 ? "1 session is" : `${sessions} sessions are`} open in the pool ${name}; end them first, or remove it with { force: true }`,
    { pool: name, sessions },
  );
}

function isLast(name: string): SnakepitError<"NOT_ALLOWED"> {
  return notAllowed(`${name} is the last pool; add another first, or close them all`, {
    pool: name,
  });
}

function notAllowed(
  text: string,
  details: Readonly<Record<string, unknown>>,
): SnakepitError<"NOT_ALLOWED"> {
  return new SnakepitError("NOT_ALLOWED", text, { outcome: "not-started", details });
}
