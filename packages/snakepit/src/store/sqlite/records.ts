import type { SQLOutputValue, StatementSync } from "node:sqlite";
import type { CheckedChange } from "../check-arguments.ts";
import { recordKey } from "../check-arguments.ts";
import { finite } from "../limits.ts";
import { fromBytes, toBytes } from "../parts.ts";
import { conflict, tooManyRecords } from "../refusals.ts";
import type { RecordHint, RecordInfo, RecordKey, Scope, StoredRecord } from "../store.ts";
import type { Blobs } from "./blobs.ts";
import type { Database } from "./database.ts";
import { NEVER_MS } from "./schema.ts";
import { endOf, isFreshSql, type OpenScope } from "./scopes.ts";

/** A record whose value is elsewhere. */
export interface LargeRecord extends RecordInfo {
  readonly isText: boolean;
  readonly blob: number;
}

/** The table of records. Every method runs inside a transaction or is one statement. */
export class Records {
  readonly #blobs: Blobs;
  readonly #get: StatementSync;
  readonly #getLarge: StatementSync;
  readonly #list: StatementSync;
  readonly #find: StatementSync;
  readonly #put: StatementSync;
  readonly #overwrite: StatementSync;
  readonly #delete: StatementSync;
  readonly #endedInScope: StatementSync;
  readonly #ended: StatementSync;
  readonly #lose: StatementSync;
  readonly #versions: StatementSync;

  constructor(database: Database, blobs: Blobs) {
    this.#blobs = blobs;
    const prepare = (sql: string) => database.prepare(sql);
    const inScope =
      "FROM scopes CROSS JOIN records AS r ON r.scope = scopes.scope " +
      "WHERE scopes.id = ?1 AND scopes.expires > ?2 AND r.expires > ?2";
    this.#get = prepare(
      `SELECT r.version, r.type, r.is_text, r.value ${inScope} ` +
        "AND r.namespace = ?3 AND r.name = ?4",
    );
    this.#getLarge = prepare(
      `SELECT r.version, r.type, r.is_text, r.bytes, r.blob ${inScope} ` +
        "AND r.namespace = ?3 AND r.name = ?4 AND r.blob IS NOT NULL",
    );
    this.#list = prepare(
      `SELECT r.name, r.version, r.type, r.bytes ${inScope} AND r.namespace = ?3 ORDER BY r.name`,
    );
    this.#versions = prepare(`SELECT r.namespace, r.name, r.version ${inScope}`);
    const one = "scope = ? AND namespace = ? AND name = ?";
    this.#find = prepare(`SELECT version, expires, blob FROM records WHERE ${one}`);
    this.#put = prepare(
      "INSERT INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO UPDATE " +
        "SET version = ?4, type = ?5, bytes = ?6, is_text = ?7, expires = ?8, blob = ?9, value = ?10",
    );
    this.#overwrite = prepare(
      "UPDATE records SET version = version + 1, type = ?2, bytes = ?3, is_text = ?4, " +
        "expires = ?5, value = ?6 WHERE scope = (SELECT scope FROM scopes WHERE id = ?7 " +
        `AND expires > ?1 AND (?8 IS NULL OR epoch = ?8) AND ${isFreshSql}) ` +
        "AND namespace = ?9 AND name = ?10 AND expires > ?1 AND blob IS NULL " +
        "AND (?11 IS NULL OR version = ?11) RETURNING version",
    );
    this.#delete = prepare(`DELETE FROM records WHERE ${one}`);
    const ended = "SELECT scope, namespace, name, version, blob FROM records";
    this.#endedInScope = prepare(`${ended} WHERE scope = ? AND expires <= ?`);
    this.#ended = prepare(`${ended} WHERE expires <= ? AND expires < ${NEVER_MS} LIMIT ?`);
    this.#lose = prepare(
      "UPDATE scopes SET records = records - 1, lost_version = max(lost_version, ?) WHERE scope = ?",
    );
  }

  get(key: RecordKey, nowMs: number): StoredRecord | LargeRecord | undefined {
    const { session, namespace, name } = key;
    const row = this.#get.get(session ?? "", nowMs, namespace, name);
    if (row === undefined) return undefined;
    const { value: bytes } = row;
    // When somebody has made it small in between, the first look is done again.
    if (!(bytes instanceof Uint8Array)) return this.#large(key, nowMs) ?? this.get(key, nowMs);
    const value = fromBytes(bytes, row["is_text"] === 1);
    const version = row["version"] as number;
    const type = row["type"] as string;
    return { namespace, name, version, type, bytes: bytes.length, value };
  }

  #large({ session, namespace, name }: RecordKey, nowMs: number): LargeRecord | undefined {
    const row = this.#getLarge.get(session ?? "", nowMs, namespace, name);
    if (row === undefined) return undefined;
    return {
      namespace,
      name,
      version: Number(row["version"]),
      type: String(row["type"]),
      bytes: Number(row["bytes"]),
      isText: row["is_text"] === 1,
      blob: Number(row["blob"]),
    };
  }

  list(session: Scope, namespace: string, nowMs: number): RecordInfo[] {
    return this.#list.all(session ?? "", nowMs, namespace).map((row) => ({
      namespace,
      name: String(row["name"]),
      version: Number(row["version"]),
      type: String(row["type"]),
      bytes: Number(row["bytes"]),
    }));
  }

  versions(session: Scope, nowMs: number): Map<string, number> {
    const rows = this.#versions.all(session ?? "", nowMs);
    return new Map(
      rows.map((row) => [
        recordKey(String(row["namespace"]), String(row["name"])),
        Number(row["version"]),
      ]),
    );
  }

  /**
   * The write that is made most, in one statement: of one small value, in place of another, in a
   * session whose use has just been noted. undefined: it is not that, and nothing was written.
   */
  overwrite(
    session: Scope,
    epoch: string | undefined,
    change: CheckedChange,
    nowMs: number,
  ): RecordHint | undefined {
    if (change.kind !== "set") return undefined;
    const { namespace, name, type, value, bytes, ttlMs, expect } = change;
    const isText = typeof value === "string" ? 1 : 0;
    const content = [type, bytes, isText, endOf(nowMs, ttlMs), toBytes(value)] as const;
    const place = [session ?? "", (session && epoch) ?? null, namespace, name] as const;
    // By `all`: `get` would not report that the disk was full when the statement ended.
    const [row] = this.#overwrite.all(nowMs, ...content, ...place, expect ?? null);
    if (row === undefined) return undefined;
    return { namespace, name, version: Number(row["version"]), isDeleted: false };
  }

  /** `uploads`: the blobs of those changes whose values are in parts. */
  write(
    scope: OpenScope,
    changes: readonly CheckedChange[],
    uploads: ReadonlyMap<CheckedChange, number>,
    nowMs: number,
  ): RecordHint[] {
    return changes.map((change) => {
      const { namespace, name, expect } = change;
      const old = this.#find.get(scope.scope, namespace, name);
      const oldVersion = Number(old?.["version"] ?? 0);
      const current = Number(old?.["expires"] ?? 0) > nowMs ? oldVersion : 0;
      if (expect !== undefined && expect !== current) throw conflict(name, expect, current);
      const isOver = oldVersion > 0 && (current === 0 || change.kind === "delete");
      if (isOver) scope.lostVersion = Math.max(scope.lostVersion, oldVersion);
      if (typeof old?.["blob"] === "number") this.#blobs.abandon(old["blob"]);
      if (change.kind === "delete") {
        if (old !== undefined) scope.records -= Number(this.#remove(scope.scope, namespace, name));
        return { namespace, name, version: current, isDeleted: true };
      }
      if (old === undefined) scope.records++;
      const version = (current === 0 ? scope.lostVersion : current) + 1;
      this.#set(scope.scope, change, version, { blob: uploads.get(change), nowMs });
      return { namespace, name, version, isDeleted: false };
    });
  }

  #set(
    scope: number,
    change: CheckedChange & { readonly kind: "set" },
    version: number,
    { blob, nowMs }: { readonly blob: number | undefined; readonly nowMs: number },
  ): void {
    const { namespace, name, type, value, bytes, ttlMs } = change;
    if (blob !== undefined) this.#blobs.link(blob);
    const isText = typeof value === "string" ? 1 : 0;
    const inline = blob === undefined ? toBytes(value) : null;
    const ends = endOf(nowMs, ttlMs);
    const place = [scope, namespace, name] as const;
    this.#put.run(...place, version, type, bytes, isText, ends, blob ?? null, inline);
  }

  #remove(scope: number, namespace: string, name: string): number {
    return Number(this.#delete.run(scope, namespace, name).changes);
  }

  /**
   * Records that have ended make room first.
   * @throws SnakepitError QUOTA_EXCEEDED
   */
  checkQuota(
    scope: OpenScope,
    rules: { readonly maxRecords: number; readonly session: Scope; readonly nowMs: number },
  ): void {
    const most = finite(rules.maxRecords);
    if (scope.records <= most || scope.records <= scope.recordsBefore) return;
    for (const row of this.#endedInScope.all(scope.scope, rules.nowMs)) {
      scope.lostVersion = Math.max(scope.lostVersion, Number(row["version"]));
      scope.records -= this.#drop(row);
    }
    if (scope.records > most) throw tooManyRecords(rules.maxRecords, rules.session);
  }

  /** Removes records that have ended in whatever scope. */
  sweep(limit: number, nowMs: number): void {
    for (const row of this.#ended.all(nowMs, limit)) {
      this.#drop(row);
      this.#lose.run(row["version"] ?? null, row["scope"] ?? null);
    }
  }

  #drop(row: Record<string, SQLOutputValue>): number {
    if (typeof row["blob"] === "number") this.#blobs.abandon(row["blob"]);
    return this.#remove(Number(row["scope"]), String(row["namespace"]), String(row["name"]));
  }
}
