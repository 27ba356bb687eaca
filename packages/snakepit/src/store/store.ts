/** A backend that has its answer at once gives it at once: a session on it costs no extra turn. */
export type Awaitable<Value> = Value | Promise<Value>;

/**
 * What is kept is text or bytes, and comes back as exactly that. Text with half of a surrogate pair
 * has no UTF-8 and is refused with SERIALIZATION.
 */
export type StoredValue = string | Uint8Array;

export interface StoreLimits {
  /** Sessions that may live at once. Default: 10,000. */
  readonly maxSessions: number;
  /** Records of one session, and those of nobody. Default: 10,000. */
  readonly maxRecords: number;
  /** Of one value. Default: 64 MiB. */
  readonly maxValueBytes: number;
}

/** What a store knows of a session. Times are milliseconds since 1970 on the clock of the store. */
export interface StoredSession {
  readonly id: string;
  /** Made anew with each creation, so that nobody writes into a later session of the same id. */
  readonly epoch: string;
  /**
   * It ends so long after its last use, or up to a thousandth of that and at most a second later;
   * Infinity: never.
   */
  readonly ttlMs: number;
  readonly createdAtMs: number;
  /** Uses that follow each other within a thousandth of `ttlMs` may count as the first of them. */
  readonly lastUsedAtMs: number;
  /** Of `data`: 1 at first, and one more with each `updateSession`. */
  readonly version: number;
  /** Belongs to the layer above; up to 256 KiB. */
  readonly data: string;
}

export interface OpenedSession {
  readonly session: StoredSession;
  /** It did not exist, or had ended. */
  readonly isNew: boolean;
  /** Sessions that live now, with this one. */
  readonly sessions: number;
}

/** Whose a record is: a session's, or, where it is undefined, everybody's. */
export type Scope = string | undefined;

export interface RecordKey {
  readonly session: Scope;
  /** `variables`, `programs`: what those who share a session keep apart. */
  readonly namespace: string;
  readonly name: string;
}

export interface RecordInfo {
  readonly namespace: string;
  readonly name: string;
  /**
   * One more with each write. A new record starts at 1, or above the version of every record that
   * its scope has lost, so that no version ever means two things.
   */
  readonly version: number;
  /** What the writer calls this kind of value: 1 to 200 printable ASCII characters. */
  readonly type: string;
  /** Of text: in UTF-8. */
  readonly bytes: number;
}

export interface StoredRecord extends RecordInfo {
  readonly value: StoredValue;
}

/** One step of a `write`. */
export type RecordChange =
  | {
      readonly kind: "set";
      readonly namespace: string;
      readonly name: string;
      readonly type: string;
      readonly value: StoredValue;
      /** Only when the record has this version now; 0: only when there is none. */
      readonly expect?: number;
      /** From now on, whoever reads it; absent: as long as its scope. */
      readonly ttlMs?: number;
    }
  | {
      readonly kind: "delete";
      readonly namespace: string;
      readonly name: string;
      readonly expect?: number;
    };

/** Something has changed; what it is now must be read. */
export interface RecordHint {
  readonly namespace: string;
  readonly name: string;
  /** Of the record, or the last that it had. */
  readonly version: number;
  readonly isDeleted: boolean;
}

/**
 * Where sessions and their records outlive a worker, and in some stores the host. Backends differ in
 * nothing but what they survive; `storeContract()` holds each of them to what stands here.
 *
 * Ids of sessions and names of namespaces and records: 1 to 200 of the characters
 * `A-Z a-z 0-9 . _ : -`; anything else is INVALID_ARGUMENT. Nothing that has expired is ever read,
 * whether it was swept or not. Every method may throw STORE_UNAVAILABLE: the store did not answer
 * in time, or cannot write; what it had acknowledged before is not lost.
 */
export interface Store extends AsyncDisposable {
  /** `memory`, `sqlite`, `redis`. */
  readonly name: string;
  readonly limits: StoreLimits;

  /**
   * Finds the session, which counts as a use, or makes it. `ttlMs` and `data` are those of a new one.
   * @throws SnakepitError QUOTA_EXCEEDED at `maxSessions`
   */
  openSession(
    id: string,
    init: { readonly ttlMs: number; readonly data: string },
  ): Awaitable<OpenedSession>;
  /** Without using it. */
  getSession(id: string): Awaitable<StoredSession | undefined>;
  /** Puts off its end. False: it has ended, or another was made under its id. */
  touchSession(id: string, epoch: string): Awaitable<boolean>;
  /**
   * Replaces `data` when its version is `expect`. Counts as a use.
   * @throws SnakepitError VERSION_CONFLICT, SESSION_NOT_FOUND
   */
  updateSession(id: string, data: string, expect: number): Awaitable<StoredSession>;
  /** With all its records. False: there is none, or, where an epoch is given, none of that epoch. */
  deleteSession(id: string, epoch?: string): Awaitable<boolean>;
  /** In the order of their ids (by code unit), those behind `after`, at most `limit` (1,000). */
  listSessions(page?: {
    readonly after?: string;
    readonly limit?: number;
  }): Awaitable<readonly StoredSession[]>;
  countSessions(): Awaitable<number>;
  /**
   * Removes what has expired, at most `limit` (500) sessions at a time, and names the sessions. Of
   * several hosts that sweep one store, each session is named to one.
   */
  sweep(limit?: number): Awaitable<readonly string[]>;

  get(key: RecordKey): Awaitable<StoredRecord | undefined>;
  /** By name; without the values. */
  list(session: Scope, namespace: string): Awaitable<readonly RecordInfo[]>;
  /**
   * All of it or nothing: up to 1,000 changes, each of another record. Gives the new version of each record; of a `delete` that of what is gone,
   * or 0. Counts as a use of the session. With `epoch`, only in that very session.
   * @throws SnakepitError VERSION_CONFLICT, QUOTA_EXCEEDED, VALUE_TOO_LARGE, SESSION_NOT_FOUND
   */
  write(
    session: Scope,
    changes: readonly RecordChange[],
    options?: { readonly epoch?: string },
  ): Awaitable<readonly number[]>;
  /**
   * Hears of each change at least once, from whichever host it comes, and of what has changed while
   * the store could not be reached. Several changes of one record may be told as one. What goes
   * because its time is over is told late or not at all. Resolves when the watch has begun; a
   * listener is called on a turn of its own. Keeps no program alive.
   */
  watch(session: Scope, listener: (hint: RecordHint) => void): Awaitable<Disposable>;

  close(): Promise<void>;
}
