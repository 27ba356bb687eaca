import { randomUUID } from "node:crypto";
import { closest, show } from "./check-options.ts";
import { SnakepitError } from "./errors.ts";
import {
  GLOBAL_SESSION,
  PoolSession,
  type SessionOptions,
  type SessionOwner,
  TEMPORARY,
} from "./session.ts";
import {
  checkSame,
  checkSession,
  resolveSession,
  type SessionSettings,
  storedSettings,
} from "./session-settings.ts";
import type { OpenedSession, StoredSession } from "./store/store.ts";

/** How often the store removes what has expired. */
const SWEEP_MS = 30_000;
/** A session whose call takes long is put off at each tick, before its end. */
const TICKS_PER_TTL = 4;
/** Of the sessions that the store may hold: above it the application should hear of it. */
const WARNING_SHARE = 0.8;

/** The pool, as the book sees it. */
export interface SessionBookOwner extends SessionOwner {
  readonly poolName: string | undefined;
  /** `expire` must be called so often at least. */
  watchSessions(everyMs: number): void;
  /** Those of which calls wait or run. Looks at every call. */
  usedSessions(): ReadonlySet<PoolSession>;
}

/** The sessions that are open in one pool. */
export class SessionBook {
  readonly #owner: SessionBookOwner;
  readonly #sessions = new Map<string, PoolSession>();
  /** As their callers gave them: what they did not say is for the store to say. */
  readonly #given = new WeakMap<PoolSession, SessionOptions>();
  /** Have ended here since the last sweep, which may name them once more. */
  readonly #lapsed = new Set<string>();
  #sweptMs: number;
  #hasWarned = false;

  constructor(owner: SessionBookOwner) {
    this.#owner = owner;
    this.#sweptMs = owner.nowMs();
  }

  get size(): number {
    return this.#sessions.size;
  }

  get pinned(): number {
    return [...this.#sessions.values()].filter((session) => session.isPinned).length;
  }

  find(id: string): PoolSession | undefined {
    return this.#sessions.get(id);
  }

  /** The session of that name, made when there is none; without a name always a new one. */
  open(id: string | undefined, options: SessionOptions): PoolSession {
    checkSession(id, options);
    if (id === GLOBAL_SESSION) checkGlobal(options);
    this.#checkPool(options.pool);
    const known = id === undefined ? undefined : this.#sessions.get(id);
    if (known !== undefined) return this.#again(known, options);
    const name = id ?? `${TEMPORARY}${randomUUID()}`;
    const ttl = id === GLOBAL_SESSION ? { ttlMs: Number.POSITIVE_INFINITY } : {};
    const settings = resolveSession({ ...options, ...ttl });
    const session = new PoolSession(this.#owner, name, settings);
    this.#sessions.set(name, session);
    this.#given.set(session, options);
    session.held();
    return session;
  }

  /** The store has found or made it. @throws SnakepitError INVALID_ARGUMENT */
  opened(session: PoolSession, { session: row, isNew, sessions }: OpenedSession): void {
    const settings = storedSettings(row);
    try {
      this.#checkOpened(session, settings, isNew);
    } catch (error) {
      this.forget(session); // who comes next may ask for what is there
      throw error;
    }
    session.settings = settings;
    this.#owner.watchSessions(settings.ttlMs / TICKS_PER_TTL);
    const name = isNew ? "session-created" : "session-resumed";
    this.#owner.emit({ name, sessionId: session.id });
    this.#warn(sessions);
  }

  #checkOpened(session: PoolSession, settings: SessionSettings, isNew: boolean): void {
    if (!isNew) checkSame(session.id, settings, this.#given.get(session) ?? {});
    if (settings.pool !== undefined && settings.pool !== this.#owner.poolName)
      throw boundElsewhere(session.id, settings.pool);
  }

  #warn(sessions: number): void {
    const { maxSessions } = this.#owner.access.store.limits;
    const isMany = sessions >= WARNING_SHARE * maxSessions;
    if (isMany && !this.#hasWarned)
      this.#owner.emit({ name: "session-quota-warning", sessions, maxSessions });
    this.#hasWarned = isMany;
  }

  forget(session: PoolSession): void {
    this.#sessions.delete(session.id);
  }

  /** Ends sessions that nobody has used for their `ttlMs`; a call under way is a use. */
  expire(nowMs: number): void {
    let used: ReadonlySet<PoolSession> | undefined;
    const isUsed = (session: PoolSession) => {
      used ??= this.#owner.usedSessions(); // once for all of them
      return used.has(session);
    };
    for (const session of this.#sessions.values()) {
      const idleMs = nowMs - session.lastUsedMs;
      // Long before its end: the store must hear that a long call still goes on.
      if (idleMs >= session.ttlMs / 2 && isUsed(session)) session.used(nowMs);
      else if (idleMs >= session.ttlMs) this.#lapse(session, nowMs);
      session.catchUp(nowMs);
    }
    if (nowMs - this.#sweptMs >= SWEEP_MS) void this.sweep();
  }

  /** Nobody here has used it; in a store that others share they may have. */
  #lapse(session: PoolSession, nowMs: number): void {
    if (!session.isStored) return session.end("expired");
    session.lastUsedMs = nowMs - (session.ttlMs * 7) / 8; // not asked again at each tick
    void this.#owner.access.tell((store) => {
      const row = store.getSession(session.id);
      if (row instanceof Promise) return row.then((found) => this.#endUnless(session, found));
      return this.#endUnless(session, row);
    });
  }

  #endUnless(session: PoolSession, row: StoredSession | undefined): void {
    if (row !== undefined || session.hasEnded) return;
    this.#lapsed.add(session.id);
    session.end("expired");
  }

  /** Has the store remove what has expired. The ids. */
  async sweep(): Promise<readonly string[]> {
    this.#sweptMs = this.#owner.nowMs();
    const ids: string[] = [];
    await this.#owner.access.tell(async (store) => {
      ids.push(...(await store.sweep()));
    });
    for (const id of ids) {
      const session = this.#sessions.get(id);
      if (session !== undefined) session.end("expired");
      else if (!this.#lapsed.has(id)) this.#owner.emit({ name: "session-expired", sessionId: id });
    }
    this.#lapsed.clear();
    return ids;
  }

  /** The pool closes: what nobody can find again goes, the rest stays until its time has come. */
  async close(): Promise<void> {
    const temporary = [...this.#sessions.values()].filter(
      ({ isTemporary, isStored }) => isTemporary && isStored,
    );
    await Promise.all(
      temporary.map(({ id }) => this.#owner.access.tell((store) => store.deleteSession(id))),
    );
  }

  #again(session: PoolSession, options: SessionOptions): PoolSession {
    checkSame(session.id, session.settings, options);
    session.used(this.#owner.nowMs());
    session.held();
    return session;
  }

  #checkPool(pool: string | undefined): void {
    const { poolName } = this.#owner;
    if (pool === undefined || pool === poolName) return;
    const hint =
      poolName === undefined
        ? "this pool has no name; give it one with the option name"
        : closest(pool, [poolName]) === undefined
          ? `this is ${poolName}`
          : `did you mean ${poolName}?`;
    throw new SnakepitError("UNKNOWN_POOL", `there is no pool ${show(pool)}; ${hint}`, {
      outcome: "not-started",
      details: { pool },
    });
  }
}

/** It has no place in the store, and never ends. @throws SnakepitError INVALID_ARGUMENT */
function checkGlobal({ ttlMs, metadata, pool }: SessionOptions): void {
  if (ttlMs === undefined && metadata === undefined && pool === undefined) return;
  throw new SnakepitError(
    "INVALID_ARGUMENT",
    `the session ${GLOBAL_SESSION} belongs to everybody: it has no ttlMs, metadata or pool of its own; use another id`,
    { outcome: "not-started" },
  );
}

function boundElsewhere(id: string, pool: string): SnakepitError<"INVALID_ARGUMENT"> {
  return new SnakepitError(
    "INVALID_ARGUMENT",
    `session ${show(id)} is bound to the pool ${pool}; open it there, or with pools.session()`,
    { outcome: "not-started", details: { pool } },
  );
}
