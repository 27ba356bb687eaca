import { randomUUID } from "node:crypto";
import type { SQLOutputValue, StatementSync } from "node:sqlite";
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
  readonly epoch: string;
  records: number;
  lostVersion: number;
}

const sessionColumns = "id, epoch, ttl, created, used, version, data";

/** The table of sessions. Every method runs inside a transaction or is one statement. */
export class Scopes {
  readonly #limits: StoreLimits;
  readonly #find: StatementSync;
  readonly #findScope: StatementSync;
  readonly #touch: StatementSync;
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
  readonly #changes: StatementSync;
  readonly #lastUse: StatementSync;

  constructor(database: Database, limits: StoreLimits) {
    this.#limits = limits;
    const prepare = (sql: string) => database.prepare(sql);
    const lives = "id = ? AND expires > ? AND id <> ''";
    this.#find = prepare(`SELECT ${sessionColumns} FROM scopes WHERE ${lives}`);
    this.#findScope = prepare(
      "SELECT scope, ttl, epoch, records, lost_version FROM scopes WHERE id = ? AND expires > ?",
    );
    this.#touch = prepare(
      `UPDATE scopes SET used = ?1, expires = min(?1 + coalesce(ttl, ${NEVER_MS}), ${NEVER_MS}) ` +
        "WHERE id = ?2 AND expires > ?1 AND (?3 IS NULL OR epoch = ?3)",
    );
    this.#update = prepare(
      `UPDATE scopes SET used = ?1, expires = min(?1 + coalesce(ttl, ${NEVER_MS}), ${NEVER_MS}), ` +
        "data = ?2, version = version + 1 WHERE id = ?3 AND expires > ?1 AND version = ?4 " +
        `RETURNING ${sessionColumns}`,
    );
    this.#written = prepare(
      "UPDATE scopes SET used = ?, expires = ?, records = ?, lost_version = ?, " +
        "changes = changes + 1 WHERE scope = ?",
    );
    this.#create = prepare(
      "INSERT INTO scopes VALUES (NULL, ?1, ?2, ?3, ?4, ?4, ?5, ?5, 1, 0, 0, 0, ?6) " +
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
    this.#changes = prepare("SELECT scope, changes FROM scopes WHERE id = ? AND expires > ?");
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
    const found = this.touch(id, undefined, nowMs) ? this.get(id, nowMs) : undefined;
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
    const values = [id, randomUUID(), ttl, nowMs, endOf(nowMs, ttlMs), Buffer.from(data)] as const;
    const row = this.#create.get(...values);
    this.#addToTotal.run(1);
    return sessionOf(row as Row);
  }

  /** By `run`, which is the one that reports when the disk is full at the end of a statement. */
  touch(id: string, epoch: string | undefined, nowMs: number): boolean {
    return this.#touch.run(nowMs, id, epoch ?? null).changes !== 0;
  }

  update(id: string, data: string, expect: number, nowMs: number): StoredSession {
    const row = this.#update.get(nowMs, Buffer.from(data), id, expect);
    if (row !== undefined) return sessionOf(row);
    const current = this.get(id, nowMs);
    if (current === undefined) throw unknownSession(id);
    throw conflict(id, expect, current.version);
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
      epoch: String(row["epoch"]),
      records: Number(row["records"]),
      lostVersion: Number(row["lost_version"]),
    };
  }

  /** Notes the use and what the write has changed. */
  closeAfterWrite({ scope, ttlMs, records, lostVersion }: OpenScope, nowMs: number): void {
    this.#written.run(nowMs, endOf(nowMs, ttlMs), records, lostVersion, scope);
  }

  /** Something else whenever a record of the scope was written. */
  changes(session: Scope, nowMs: number): { readonly scope: number; readonly changes: number } {
    const row = this.#changes.get(session ?? "", nowMs);
    return { scope: Number(row?.["scope"] ?? 0), changes: Number(row?.["changes"] ?? 0) };
  }

  lastUse(): number {
    return Number(this.#lastUse.get()?.["used"] ?? 0);
  }
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
