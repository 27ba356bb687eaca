import { randomUUID } from "node:crypto";
import { closest, show } from "./check-options.ts";
import { invalidArgument, SnakepitError } from "./errors.ts";
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
import { delay } from "./timer.ts";

/** How often the store removes what has expired, and how much at a time. */
const SWEEP_MS = 30_000;
const SWEEP_SESSIONS = 500;
/** For the last words to a store. */
const CLOSE_MS = 2_000;
/** A session whose call takes long is put off at each tick, before its end. */
const TICKS_PER_TTL = 4;
/** Not more often, because each looks at every session. */
const SHORTEST_TICK_MS = 50;
/** Of the sessions that the store may hold: above it the application should hear of it. */
const WARNING_SHARE = 0.8;

/** The pool, as the book sees it. */
export interface SessionBookOwner extends SessionOwner {
  readonly poolName: string | undefined;
  /** `expire` must be called so often at least. */
  watchSessions(everyMs: number): void;
}

/** The sessions that are open in one pool. */
export class SessionBook {
  readonly #owner: SessionBookOwner;
  readonly #sessions = new Map<string, PoolSession>();
  #global: PoolSession | undefined;
  /** As their callers gave them: what they did not say is for the store to say. */
  readonly #given = new WeakMap<PoolSession, SessionOptions>();
  /** Have ended here since the last sweep, which may name them once more. */
  readonly #lapsed = new Set<string>();
  #sweptMs: number;
  #hasWarned = false;
  #isClosed = false;

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
    this.#checkPool(options.pool);
    if (id === GLOBAL_SESSION) return this.#openGlobal(options);
    const known = id === undefined ? undefined : this.#current(id);
    if (known !== undefined) return this.#again(known, options);
    const name = id ?? `${TEMPORARY}${randomUUID()}`;
    const session = new PoolSession(this.#owner, name, resolveSession(options));
    this.#sessions.set(name, session);
    this.#given.set(session, options);
    session.held();
    return session;
  }

  /** Not among the others: it is nobody's, and nothing ends it. */
  #openGlobal(options: SessionOptions): PoolSession {
    checkGlobal(options);
    const settings = resolveSession({ ...options, ttlMs: Number.POSITIVE_INFINITY });
    this.#global ??= new PoolSession(this.#owner, GLOBAL_SESSION, settings);
    checkSame(GLOBAL_SESSION, this.#global.settings, options);
    return this.#global;
  }

  /** What has outlived its time, and was not noticed yet, is not found again. */
  #current(id: string): PoolSession | undefined {
    const session = this.#sessions.get(id);
    if (session?.isOverdue(this.#owner.nowMs()) !== true) return session;
    this.#end(session);
    return undefined;
  }

  #end(session: PoolSession): void {
    this.#lapsed.add(session.id);
    session.end("expired");
  }

  /** The store has found or made it. @throws SnakepitError INVALID_ARGUMENT */
  opened(session: PoolSession, { session: row, isNew, sessions }: OpenedSession): void {
    const settings = storedSettings(row);
    this.#checkOpened(session, settings, isNew);
    session.settings = settings;
    if (this.#isClosed) {
      if (session.isTemporary)
        void this.#owner.access.tell((store) => store.deleteSession(session.id));
      return;
    }
    // It may have been refused before.
    if (!this.#sessions.has(session.id)) this.#sessions.set(session.id, session);
    this.#owner.watchSessions(Math.max(SHORTEST_TICK_MS, settings.ttlMs / TICKS_PER_TTL));
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
    if (this.#sessions.get(session.id) === session) this.#sessions.delete(session.id);
  }

  /** Ends sessions that nobody has used for their `ttlMs`; a call under way is a use. */
  expire(nowMs: number): void {
    for (const session of this.#sessions.values()) {
      const idleMs = nowMs - session.lastUsedMs;
      // Long before its end: the store must hear that a long call still goes on.
      if (idleMs >= session.ttlMs / 2 && session.openCalls > 0) session.used(nowMs);
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
    if (row === undefined && !session.hasEnded) this.#end(session);
  }

  /** Has the store remove what has expired. The ids. */
  async sweep(): Promise<readonly string[]> {
    this.#sweptMs = this.#owner.nowMs();
    const ids: string[] = [];
    let found: readonly string[] | undefined;
    do {
      found = await this.#sweepSome();
      if (found === undefined) return ids; // those that have lapsed are still to be named
      for (const id of found) this.#swept(id);
      ids.push(...found);
      // A store in memory answers at once: others get their turn in between.
      await new Promise(setImmediate);
    } while (found.length === SWEEP_SESSIONS && !this.#isClosed);
    this.#lapsed.clear(); // what is left was named to another host
    return ids;
  }

  /** Undefined when the store has failed. */
  async #sweepSome(): Promise<readonly string[] | undefined> {
    let found: readonly string[] | undefined;
    await this.#owner.access.tell(async (store) => {
      found = await store.sweep(SWEEP_SESSIONS);
    });
    return found;
  }

  #swept(id: string): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) return session.end("expired");
    if (!this.#lapsed.delete(id)) this.#owner.emit({ name: "session-expired", sessionId: id });
  }

  /** The pool closes: what nobody can find again goes, the rest stays until its time has come. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const removed = this.#removeTemporary();
    // A store that does not answer must not hold up the end of the pool.
    await Promise.race([removed, delay(CLOSE_MS)]);
  }

  async #removeTemporary(): Promise<void> {
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
  throw invalidArgument(
    `the session ${GLOBAL_SESSION} belongs to everybody: it has no ttlMs, metadata or pool of its own; use another id`,
  );
}

function boundElsewhere(id: string, pool: string): SnakepitError<"INVALID_ARGUMENT"> {
  return new SnakepitError(
    "INVALID_ARGUMENT",
    `session ${show(id)} is bound to the pool ${pool}; open it there, or with pools.session()`,
    { outcome: "not-started", details: { pool } },
  );
}
