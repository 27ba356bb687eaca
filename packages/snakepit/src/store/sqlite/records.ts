import type { SQLOutputValue, StatementSync } from "node:sqlite";
import type { CheckedChange } from "../check-arguments.ts";
import { recordKey } from "../check-arguments.ts";
import { finite } from "../limits.ts";
import { toBytes } from "../parts.ts";
import { conflict, tooManyRecords } from "../refusals.ts";
import type { RecordHint, RecordInfo, RecordKey, Scope } from "../store.ts";
import type { Blobs } from "./blobs.ts";
import type { Database } from "./database.ts";
import { NEVER_MS } from "./schema.ts";
import { endOf, type OpenScope } from "./scopes.ts";

/** A record as its row has it; a large value is still elsewhere. */
export interface RecordRow extends RecordInfo {
  readonly isText: boolean;
  readonly value: Uint8Array | undefined;
  readonly blob: number | undefined;
}

/** The table of records. Every method runs inside a transaction or is one statement. */
export class Records {
  readonly #blobs: Blobs;
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #find: StatementSync;
  readonly #put: StatementSync;
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
      `SELECT r.version, r.type, r.bytes, r.is_text, r.blob, r.value ${inScope} ` +
        "AND r.namespace = ?3 AND r.name = ?4",
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
    this.#delete = prepare(`DELETE FROM records WHERE ${one}`);
    const ended = "SELECT scope, namespace, name, version, blob FROM records";
    this.#endedInScope = prepare(`${ended} WHERE scope = ? AND expires <= ?`);
    this.#ended = prepare(`${ended} WHERE expires <= ? AND expires < ${NEVER_MS} LIMIT ?`);
    this.#lose = prepare(
      "UPDATE scopes SET records = records - 1, lost_version = max(lost_version, ?) WHERE scope = ?",
    );
  }

  get({ session, namespace, name }: RecordKey, nowMs: number): RecordRow | undefined {
    const row = this.#get.get(session ?? "", nowMs, namespace, name);
    if (row === undefined) return undefined;
    return {
      namespace,
      name,
      version: Number(row["version"]),
      type: String(row["type"]),
      bytes: Number(row["bytes"]),
      isText: row["is_text"] === 1,
      value: (row["value"] ?? undefined) as Uint8Array | undefined,
      blob: (row["blob"] ?? undefined) as number | undefined,
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
    recordsBefore: number,
    rules: { readonly maxRecords: number; readonly session: Scope; readonly nowMs: number },
  ): void {
    const most = finite(rules.maxRecords);
    if (scope.records <= most || scope.records <= recordsBefore) return;
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
