import { randomUUID } from "node:crypto";
import { checkKnownKeys, withDefaults } from "../check-options.ts";
import { type Clock, systemClock } from "../clock.ts";
import { SnakepitError } from "../errors.ts";
import {
  checkChanges,
  checkData,
  checkEpoch,
  checkExpect,
  checkId,
  checkInit,
  checkKey,
  checkLimit,
  checkScope,
  ownCopy,
} from "./check-arguments.ts";
import { type Expiring, ExpiryQueue, unqueued } from "./expiry-queue.ts";
import { limitDefaults, limitNames, limitProblems } from "./limits.ts";
import { type MemoryRecord, MemoryScope } from "./memory-scope.ts";
import { closed, conflict, tooManySessions, unknownSession } from "./refusals.ts";
import type {
  OpenedSession,
  RecordChange,
  RecordHint,
  RecordInfo,
  RecordKey,
  Scope,
  Store,
  StoredRecord,
  StoredSession,
  StoreLimits,
} from "./store.ts";
import { Watchers } from "./watchers.ts";

export interface MemoryStoreOptions extends Partial<StoreLimits> {
  /** For tests: `fakeClock()`. */
  readonly clock?: Clock;
}

/**
 * Sessions and records of this process; they end with it. Answers at once, never with a promise.
 * Time is measured by a clock that never jumps.
 * @throws SnakepitError INVALID_OPTIONS
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const limits = withDefaults(limitDefaults, options ?? {});
  const problems = [
    ...checkKnownKeys("memoryStore", options, [...limitNames, "clock"]),
    ...limitProblems(limits),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  return new MemoryStore(limits, options.clock ?? systemClock);
}

interface MemorySession extends Expiring {
  readonly id: string;
  readonly epoch: string;
  readonly ttlMs: number;
  readonly createdAtMs: number;
  lastUsedAtMs: number;
  version: number;
  data: string;
  readonly scope: MemoryScope;
}

class MemoryStore implements Store {
  readonly name = "memory";
  readonly limits: StoreLimits;
  readonly #clock: Clock;
  /** What the clock of the wall showed when the other was at zero. */
  readonly #epochMs: number;
  readonly #watchers = new Watchers();
  readonly #sessions = new Map<string, MemorySession>();
  readonly #expiringSessions = new ExpiryQueue<MemorySession>();
  readonly #expiringRecords = new ExpiryQueue<MemoryRecord>();
  readonly #global = new MemoryScope(this.#expiringRecords);
  /** Have ended and wait to be named by a sweep. */
  readonly #ended = new Set<string>();
  #isClosed = false;

  constructor(limits: StoreLimits, clock: Clock) {
    this.limits = limits;
    this.#clock = clock;
    this.#epochMs = Date.now() - clock.now();
  }

  openSession(id: string, init: { readonly ttlMs: number; readonly data: string }): OpenedSession {
    checkId("id of a session", id);
    checkInit(init);
    const nowMs = this.#expire();
    const found = this.#sessions.get(id);
    const session = found ?? this.#create(id, init, nowMs);
    this.#use(session, nowMs);
    const isNew = found === undefined;
    return { session: publicSession(session), isNew, sessions: this.#sessions.size };
  }

  getSession(id: string): StoredSession | undefined {
    const session = this.#find(id, this.#now());
    if (session === undefined) checkId("id of a session", id);
    return session && publicSession(session);
  }

  touchSession(id: string, epoch: string): boolean {
    const nowMs = this.#now();
    const session = this.#find(id, nowMs);
    if (session === undefined) checkId("id of a session", id);
    if (session === undefined || session.epoch !== epoch) return false;
    this.#use(session, nowMs);
    return true;
  }

  updateSession(id: string, data: string, expect: number): StoredSession {
    checkId("id of a session", id);
    checkData(data);
    checkExpect(expect);
    const nowMs = this.#now();
    const session = this.#find(id, nowMs);
    if (session === undefined) throw unknownSession(id);
    if (session.version !== expect) throw conflict(id, expect, session.version);
    session.data = data;
    session.version++;
    this.#use(session, nowMs);
    return publicSession(session);
  }

  deleteSession(id: string, epoch?: string): boolean {
    checkId("id of a session", id);
    checkEpoch(epoch);
    const session = this.#find(id, this.#now());
    if (session === undefined || (epoch !== undefined && session.epoch !== epoch)) return false;
    this.#expiringSessions.remove(session);
    this.#sessions.delete(id);
    this.#watchers.tell(id, session.scope.dropAll());
    return true;
  }

  listSessions(page: { readonly after?: string; readonly limit?: number } = {}): StoredSession[] {
    const { after = "", limit = 1_000 } = page;
    if (after !== "") checkId("id to list behind", after);
    checkLimit(limit);
    this.#expire();
    return [...this.#sessions.keys()]
      .filter((id) => id > after)
      .sort()
      .slice(0, limit)
      .map((id) => publicSession(this.#sessions.get(id) as MemorySession));
  }

  countSessions(): number {
    this.#expire();
    return this.#sessions.size;
  }

  sweep(limit = 500): string[] {
    checkLimit(limit);
    this.#expire();
    const ids: string[] = [];
    for (const id of this.#ended) {
      if (ids.length === limit) break;
      this.#ended.delete(id);
      ids.push(id);
    }
    return ids;
  }

  get(key: RecordKey): StoredRecord | undefined {
    const nowMs = this.#now();
    const record = this.#scope(key.session, nowMs)?.get(key.namespace, key.name, nowMs);
    if (record === undefined) {
      checkKey(key); // whatever was found has a good key
      return undefined;
    }
    if (typeof record.value === "string") return record;
    return { ...record, value: ownCopy(record.value) };
  }

  list(session: Scope, namespace: string): RecordInfo[] {
    checkScope(session);
    checkId("namespace of a record", namespace);
    const nowMs = this.#expire();
    return this.#scope(session, nowMs)?.list(namespace) ?? [];
  }

  write(
    session: Scope,
    changes: readonly RecordChange[],
    options: { readonly epoch?: string } = {},
  ): readonly number[] {
    checkScope(session);
    checkEpoch(options.epoch);
    const checked = checkChanges(changes, this.limits);
    const nowMs = this.#expire();
    const owner = session === undefined ? undefined : this.#owner(session, options.epoch);
    const scope = owner?.scope ?? this.#global;
    const { maxRecords } = this.limits;
    const { versions, hints } = scope.write(checked, nowMs, { maxRecords, session });
    if (owner !== undefined) this.#use(owner, nowMs);
    this.#watchers.tell(session, hints);
    return versions;
  }

  watch(session: Scope, listener: (hint: RecordHint) => void): Disposable {
    checkScope(session);
    this.#now();
    return this.#watchers.add(session, listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watchers.clear();
    this.#sessions.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Every method asks for the time, so that none works after the end. */
  #now(): number {
    if (this.#isClosed) throw closed(this.name);
    return Math.floor(this.#epochMs + this.#clock.now());
  }

  #create(
    id: string,
    { ttlMs, data }: { readonly ttlMs: number; readonly data: string },
    nowMs: number,
  ): MemorySession {
    if (this.#sessions.size >= this.limits.maxSessions) {
      throw tooManySessions(this.limits.maxSessions);
    }
    const session: MemorySession = {
      ...unqueued,
      id,
      epoch: randomUUID(),
      ttlMs,
      createdAtMs: nowMs,
      lastUsedAtMs: nowMs,
      expiresAtMs: nowMs + ttlMs,
      version: 1,
      data,
      scope: new MemoryScope(this.#expiringRecords),
    };
    this.#sessions.set(id, session);
    this.#expiringSessions.update(session);
    this.#ended.delete(id);
    return session;
  }

  #find(id: string, nowMs: number): MemorySession | undefined {
    const session = this.#sessions.get(id);
    return session === undefined || session.expiresAtMs <= nowMs ? undefined : session;
  }

  /** After `#expire`. */
  #owner(id: string, epoch: string | undefined): MemorySession {
    const session = this.#sessions.get(id);
    if (session === undefined || (epoch !== undefined && session.epoch !== epoch)) {
      throw unknownSession(id);
    }
    return session;
  }

  #scope(session: Scope, nowMs: number): MemoryScope | undefined {
    return session === undefined ? this.#global : this.#find(session, nowMs)?.scope;
  }

  #use(session: MemorySession, nowMs: number): void {
    session.lastUsedAtMs = nowMs;
    session.expiresAtMs = nowMs + session.ttlMs;
  }

  /** Takes out what has ended; the time it is. */
  #expire(): number {
    const nowMs = this.#now();
    for (let record = this.#expiringRecords.take(nowMs); record !== undefined; ) {
      record.scope.drop(record);
      record = this.#expiringRecords.take(nowMs);
    }
    for (let session = this.#expiringSessions.take(nowMs); session !== undefined; ) {
      session.scope.dropAll();
      this.#sessions.delete(session.id);
      this.#ended.add(session.id);
      session = this.#expiringSessions.take(nowMs);
    }
    return nowMs;
  }
}

function publicSession(session: MemorySession): StoredSession {
  const { id, epoch, ttlMs, createdAtMs, lastUsedAtMs, version, data } = session;
  return { id, epoch, ttlMs, createdAtMs, lastUsedAtMs, version, data };
}
