import type { Affinity } from "./adapter.ts";
import type { Metadata, SessionOptions } from "./session.ts";

/** What is known of a session, whoever has opened it. Times are milliseconds since 1970. */
export interface SessionInfo {
  readonly id: string;
  readonly metadata: Metadata;
  /** The pool that all its calls go to; undefined: each goes where its command is routed. */
  readonly pool: string | undefined;
  readonly affinity: Affinity;
  readonly ttlMs: number;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number;
  /** Infinity: never. */
  readonly expiresAtMs: number;
  /** Where it is at home, if that is a worker of this pool. */
  readonly workerId: string | undefined;
}

export interface SessionStats {
  /** In the store, from whatever host. */
  readonly sessions: number;
  readonly maxSessions: number;
  /** Open in this pool. */
  readonly open: number;
  /** Of those, the ones that keep their worker from being replaced. */
  readonly pinned: number;
  /** `memory`, `sqlite`, `redis`. */
  readonly store: string;
}

/** All sessions that the pool's store knows, also those of other hosts. */
export interface Sessions {
  /** @throws SnakepitError INVALID_ARGUMENT when there is one of that id; QUOTA_EXCEEDED */
  create(id: string, options?: SessionOptions): Promise<SessionInfo>;
  /** Without using it. */
  get(id: string): Promise<SessionInfo | undefined>;
  exists(id: string): Promise<boolean>;
  /** By id, those behind `after`; at most `limit` (1,000). */
  list(page?: {
    readonly after?: string;
    readonly limit?: number;
  }): Promise<readonly SessionInfo[]>;
  /**
   * Replaces its metadata by what `change` makes of it. Atomic: when somebody else was faster,
   * `change` is asked again with what they wrote.
   * @throws SnakepitError SESSION_NOT_FOUND; what `change` throws, and then nothing has changed
   */
  update(id: string, change: (metadata: Metadata) => Metadata): Promise<SessionInfo>;
  /** Ends it everywhere, as `session.delete()`. False: there was none. */
  delete(id: string): Promise<boolean>;
  stats(): Promise<SessionStats>;
  /** Removes what has expired now instead of within half a minute; the ids. */
  sweep(): Promise<readonly string[]>;
}
