import type { PoolEventName, PoolEventOf } from "./events.ts";
import type { NamedPoolOptions } from "./named-pool.ts";
import type { CallOptions, CloseOptions, Pool, PoolHealth, PoolStats } from "./pool.ts";
import type { Records } from "./records.ts";
import type { Session, SessionOptions } from "./session.ts";
import type { Sessions } from "./sessions.ts";

export interface RemoveOptions extends CloseOptions {
  /** Also when sessions are open in it; what they keep on its workers is lost. Default: false. */
  readonly force?: boolean;
}

/** Of each pool: those that were there from the beginning, and those that were added. */
export type ByPool<Name extends string, Value> = Readonly<Record<Name, Value>> &
  Readonly<Record<string, Value>>;

/**
 * Several pools behind one pair of verbs: each command goes to the pool that its route names. What
 * happens in one never touches another; they share the store of their sessions and nothing else.
 */
export interface Pools<Name extends string = string> extends AsyncDisposable {
  /** As `Pool.execute`. @throws SnakepitError UNKNOWN_POOL when the route names none of them */
  execute(command: string, args?: unknown, options?: CallOptions): Promise<unknown>;
  stream(
    command: string,
    args?: unknown,
    options?: CallOptions,
  ): AsyncIterableIterator<unknown, undefined>;
  /** Their names, in the order in which they were added. */
  names(): readonly string[];
  /** @throws SnakepitError UNKNOWN_POOL */
  pool(name: Name | (string & {})): Pool;
  /**
   * Starts one more.
   * @throws SnakepitError INVALID_ARGUMENT when there is one of that name; what kept it from starting
   */
  add(name: string, options: NamedPoolOptions): Promise<Pool>;
  /**
   * Closes one, as `Pool.close` does; the others go on.
   * @throws SnakepitError UNKNOWN_POOL; NOT_ALLOWED while sessions are open in it, unless `force`
   */
  remove(name: string, options?: RemoveOptions): Promise<void>;
  /**
   * A session over all of them: each call goes to the pool that its command is routed to, or all of
   * them to the one that it is bound to by `pool`. At home it is in each pool for itself.
   */
  session(id?: string, options?: SessionOptions): Session;
  readonly sessions: Sessions;
  records(namespace: string): Records;
  stats(): ByPool<Name, PoolStats>;
  health(): Promise<ByPool<Name, PoolHealth>>;
  /** Hears all of them, also those that are added later. */
  on<Event extends PoolEventName | "*">(
    name: Event,
    listener: (event: PoolEventOf<Event>, pool: string) => void,
  ): Disposable;
  /** Closes all of them, side by side. */
  close(options?: CloseOptions): Promise<void>;
}
