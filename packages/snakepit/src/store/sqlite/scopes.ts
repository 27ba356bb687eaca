import { randomUUID } from "node:crypto";
import type { SQLOutputValue, StatementSync } from "node:sqlite";
import { FRESH_PART, freshMs, MOST_FRESH_MS } from "../freshness.ts";
import { finite } from "../limits.ts";
import { conflict, tooManySessions, unknownSession } from "../refusals.ts";
import type { OpenedSession, Scope, StoredSession, StoreLimits } from "../store.ts";
import type { Database } from "./database.ts";
import { NEVER_MS } from "./schema.ts";

type Row = Record<string, SQLOutputValue>;

/** A session, or what belongs to nobody, while a transaction works on it. */
export interface OpenScope {
  readonly scope: number;
  readonly ttlMs: number;
  readonly usedAtMs: number;
  readonly recordsBefore: number;
  readonly lostVersionBefore: number;
  records: number;
  lostVersion: number;
}

const sessionColumns = "id, epoch, ttl, created, used, version, data";

/** The table of sessions. Every method runs inside a transaction or is one statement. */
export class Scopes {
  readonly #limits: StoreLimits;
  readonly #find: StatementSync;
  readonly #use: StatementSync;
  readonly #findScope: StatementSync;
  readonly #update: StatementSync;
  readonly #written: StatementSync;
  readonly #create: StatementSync;
  readonly #delete: StatementSync;
  readonly #bury: StatementSync;
  readonly #list: StatementSync;
  readonly #count: StatementSync;
  readonly #addToTotal: StatementSync;
  readonly #ended: StatementSync;
  readonly #putOff: StatementSync;
  readonly #number: StatementSync;
  readonly #lastUse: StatementSync;

  constructor(database: Database, limits: StoreLimits) {
    this.#limits = limits;
    const prepare = (sql: string) => database.prepare(sql);
    const lives = "id = ? AND expires > ? AND id <> ''";
    this.#find = prepare(`SELECT ${sessionColumns} FROM scopes WHERE ${lives}`);
    this.#findScope = prepare(
      "SELECT scope, ttl, epoch, used, records, lost_version FROM scopes " +
        "WHERE id = ? AND expires > ?",
    );
    this.#use = prepare("UPDATE scopes SET used = ?, expires = ? WHERE id = ?");
    this.#update = prepare(
      "UPDATE scopes SET used = ?, expires = ?, data = ?, version = version + 1 WHERE id = ?",
    );
    this.#written = prepare(
      "UPDATE scopes SET used = ?, expires = ?, records = ?, lost_version = ? WHERE scope = ?",
    );
    this.#create = prepare(
      "INSERT INTO scopes VALUES (NULL, ?1, ?2, ?3, ?4, ?4, ?5, ?5, 1, 0, 0, ?6) " +
        `RETURNING ${sessionColumns}`,
    );
    this.#delete = prepare("DELETE FROM scopes WHERE id = ? AND id <> '' RETURNING scope, records");
    this.#bury = prepare("INSERT INTO graves VALUES (?)");
    this.#list = prepare(
      `SELECT ${sessionColumns} FROM scopes WHERE id > ? AND expires > ? ORDER BY id LIMIT ?`,
    );
    this.#count = prepare(
      "SELECT sessions - (SELECT count(*) FROM scopes WHERE look_at <= ?1 AND expires <= ?1) " +
        "AS sessions FROM totals",
    );
    this.#addToTotal = prepare("UPDATE totals SET sessions = sessions + ?");
    this.#ended = prepare("SELECT id FROM scopes WHERE look_at <= ?1 AND expires <= ?1 LIMIT ?2");
    this.#putOff = prepare(
      "UPDATE scopes SET look_at = expires WHERE look_at <= ?1 AND expires > ?1",
    );
    this.#number = prepare("SELECT scope FROM scopes WHERE id = ? AND expires > ?");
    this.#lastUse = prepare("SELECT max(used) AS used FROM scopes");
  }

  get(id: string, nowMs: number): StoredSession | undefined {
    const row = this.#find.get(id, nowMs);
    return row && sessionOf(row);
  }

  open(
    id: string,
    init: { readonly ttlMs: number; readonly data: string },
    nowMs: number,
  ): OpenedSession {
    const found = this.use(id, undefined, nowMs);
    const sessions = this.count(nowMs);
    if (found !== undefined) return { session: found, isNew: false, sessions };
    if (sessions >= finite(this.#limits.maxSessions)) {
      throw tooManySessions(this.#limits.maxSessions);
    }
    this.#remove(id); // one that has ended and was not swept
    const session = this.#insert(id, init, nowMs);
    return { session, isNew: true, sessions: sessions + 1 };
  }

  #insert(
    id: string,
    { ttlMs, data }: { readonly ttlMs: number; readonly data: string },
    nowMs: number,
  ): StoredSession {
    const ttl = ttlMs === Number.POSITIVE_INFINITY ? null : ttlMs;
    const values = [
      id,
      randomUUID(),
      ttl,
      nowMs,
      endOfSession(nowMs, ttlMs),
      Buffer.from(data),
    ] as const;
    const row = this.#create.get(...values);
    this.#addToTotal.run(1);
    return sessionOf(row as Row);
  }

  /** Puts off its end. undefined: there is none, or, where an epoch is given, none of that epoch. */
  use(id: string, epoch: string | undefined, nowMs: number): StoredSession | undefined {
    const session = this.get(id, nowMs);
    if (session === undefined || (epoch !== undefined && session.epoch !== epoch)) return undefined;
    if (isFresh(session.lastUsedAtMs, session.ttlMs, nowMs)) return session;
    // By `run`: `get` would not report that the disk was full when the statement ended.
    this.#use.run(nowMs, endOfSession(nowMs, session.ttlMs), id);
    return { ...session, lastUsedAtMs: nowMs };
  }

  update(id: string, data: string, expect: number, nowMs: number): StoredSession {
    const session = this.get(id, nowMs);
    if (session === undefined) throw unknownSession(id);
    if (session.version !== expect) throw conflict(id, expect, session.version);
    this.#update.run(nowMs, endOfSession(nowMs, session.ttlMs), Buffer.from(data), id);
    return { ...session, data, version: expect + 1, lastUsedAtMs: nowMs };
  }

  delete(id: string, epoch: string | undefined, nowMs: number): boolean {
    const session = this.get(id, nowMs);
    if (session === undefined || (epoch !== undefined && session.epoch !== epoch)) return false;
    this.#remove(id);
    return true;
  }

  #remove(id: string): void {
    const row = this.#delete.get(id);
    if (row === undefined) return;
    this.#addToTotal.run(-1);
    if (Number(row["records"]) > 0) this.#bury.run(row["scope"] ?? null);
  }

  list(after: string, limit: number, nowMs: number): StoredSession[] {
    return this.#list.all(after, nowMs, limit).map(sessionOf);
  }

  count(nowMs: number): number {
    return Number(this.#count.get(nowMs)?.["sessions"]);
  }

  sweep(limit: number, nowMs: number): string[] {
    this.#putOff.run(nowMs);
    const ids = this.#ended.all(nowMs, limit).map(({ id }) => String(id));
    for (const id of ids) this.#remove(id);
    return ids;
  }

  /** @throws SnakepitError SESSION_NOT_FOUND */
  openForWrite(session: Scope, epoch: string | undefined, nowMs: number): OpenScope {
    const row = this.#findScope.get(session ?? "", nowMs);
    const isWrong = epoch !== undefined && session !== undefined && row?.["epoch"] !== epoch;
    if (row === undefined || isWrong) throw unknownSession(session ?? "");
    return {
      scope: Number(row["scope"]),
      ttlMs: ttlOf(row),
      usedAtMs: Number(row["used"]),
      recordsBefore: Number(row["records"]),
      lostVersionBefore: Number(row["lost_version"]),
      records: Number(row["records"]),
      lostVersion: Number(row["lost_version"]),
    };
  }

  /** Notes the use and what the write has changed. */
  closeAfterWrite(session: Scope, scope: OpenScope, nowMs: number): void {
    const { ttlMs, records, lostVersion } = scope;
    const isSame = records === scope.recordsBefore && lostVersion === scope.lostVersionBefore;
    if (isSame && (session === undefined || isFresh(scope.usedAtMs, ttlMs, nowMs))) return;
    this.#written.run(nowMs, endOfSession(nowMs, ttlMs), records, lostVersion, scope.scope);
  }

  /** Of the session that has the id now; 0: there is none. */
  number(session: Scope, nowMs: number): number {
    return Number(this.#number.get(session ?? "", nowMs)?.["scope"] ?? 0);
  }

  lastUse(): number {
    return Number(this.#lastUse.get()?.["used"] ?? 0);
  }
}

/** The same as `isFresh`. */
export const isFreshSql =
  "(id = '' OR ?1 - used < min(" +
  `coalesce(ttl, ${FRESH_PART * MOST_FRESH_MS}) / ${FRESH_PART}, ${MOST_FRESH_MS}))`;

function isFresh(usedAtMs: number, ttlMs: number, nowMs: number): boolean {
  return nowMs - usedAtMs < freshMs(ttlMs);
}

function endOfSession(nowMs: number, ttlMs: number): number {
  return endOf(nowMs + freshMs(ttlMs), ttlMs);
}

export function endOf(nowMs: number, ttlMs: number): number {
  return Math.min(nowMs + ttlMs, NEVER_MS);
}

function ttlOf(row: Row): number {
  return row["ttl"] === null ? Number.POSITIVE_INFINITY : Number(row["ttl"]);
}

function sessionOf(row: Row): StoredSession {
  return {
    id: String(row["id"]),
    epoch: String(row["epoch"]),
    ttlMs: ttlOf(row),
    createdAtMs: Number(row["created"]),
    lastUsedAtMs: Number(row["used"]),
    version: Number(row["version"]),
    data: Buffer.from(row["data"] as Uint8Array).toString(),
  };
}
