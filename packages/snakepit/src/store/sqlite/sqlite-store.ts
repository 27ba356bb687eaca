import { andThen } from "../awaitable.ts";
import {
  type CheckedChange,
  checkChanges,
  checkData,
  checkEpoch,
  checkExpect,
  checkId,
  checkInit,
  checkKey,
  checkLimit,
  checkListener,
  checkScope,
  parseRecordKey,
  recordKey,
} from "../check-arguments.ts";
import { fromBytes, inParts, toBytes } from "../parts.ts";
import { unavailable } from "../refusals.ts";
import type {
  Awaitable,
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
} from "../store.ts";
import { Watchers } from "../watchers.ts";
import { Blobs } from "./blobs.ts";
import { ChangePoll } from "./change-poll.ts";
import { Database } from "./database.ts";
import { FileClock } from "./file-clock.ts";
import {
  type ResolvedSqliteOptions,
  resolveSqliteOptions,
  type SqliteStoreOptions,
} from "./options.ts";
import { type RecordRow, Records } from "./records.ts";
import { Scopes } from "./scopes.ts";

/** Records that one sweep removes because their own time is over. */
const RECORDS_A_SWEEP = 1_000;

/**
 * Sessions and records in one file, which several processes of one machine may use at once. Needs
 * Node 22.13. A call takes some microseconds of this thread, as SQLite runs in it.
 * @throws SnakepitError INVALID_OPTIONS, UNSUPPORTED, STORE_UNAVAILABLE
 */
export async function sqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const resolved = resolveSqliteOptions(options);
  return new SqliteStore(await Database.open(resolved), resolved);
}

class SqliteStore implements Store {
  readonly name = "sqlite";
  readonly limits: StoreLimits;
  readonly #database: Database;
  readonly #clock: FileClock;
  readonly #scopes: Scopes;
  readonly #records: Records;
  readonly #blobs: Blobs;
  readonly #watchers = new Watchers();
  readonly #poll: ChangePoll;

  constructor(database: Database, options: ResolvedSqliteOptions) {
    const { maxSessions, maxRecords, maxValueBytes } = options;
    this.limits = { maxSessions, maxRecords, maxValueBytes };
    this.#database = database;
    this.#clock = new FileClock(options.clock);
    this.#blobs = new Blobs(database, this.#clock);
    this.#scopes = new Scopes(database, this.limits);
    this.#records = new Records(database, this.#blobs);
    this.#poll = this.#changePoll(options.pollMs);
    this.#clock.notBefore(this.#scopes.lastUse());
    this.#blobs.collect(); // what earlier programs have left
  }

  openSession(
    id: string,
    init: { readonly ttlMs: number; readonly data: string },
  ): Awaitable<OpenedSession> {
    checkId("id of a session", id);
    checkInit(init);
    const { ttlMs, data } = init;
    return this.#database.transaction(() =>
      this.#scopes.open(id, { ttlMs, data }, this.#clock.now()),
    );
  }

  getSession(id: string): Awaitable<StoredSession | undefined> {
    checkId("id of a session", id);
    return this.#database.single(() => this.#scopes.get(id, this.#clock.now()));
  }

  touchSession(id: string, epoch: string): Awaitable<boolean> {
    checkId("id of a session", id);
    return this.#database.single(() => this.#scopes.touch(id, String(epoch), this.#clock.now()));
  }

  updateSession(id: string, data: string, expect: number): Awaitable<StoredSession> {
    checkId("id of a session", id);
    checkData(data);
    checkExpect(expect);
    return this.#database.transaction(() =>
      this.#scopes.update(id, data, expect, this.#clock.now()),
    );
  }

  deleteSession(id: string, epoch?: string): Awaitable<boolean> {
    checkId("id of a session", id);
    checkEpoch(epoch);
    const isWatched = this.#watchers.has(id);
    const deleting = this.#database.transaction(() => {
      const nowMs = this.#clock.now();
      const versions = isWatched ? this.#records.versions(id, nowMs) : new Map<string, number>();
      return { isGone: this.#scopes.delete(id, epoch, nowMs), versions };
    });
    return andThen(deleting, ({ isGone, versions }) => {
      if (!isGone) return false;
      this.#blobs.collect();
      const hints = [...versions].map(([key, version]) => deletionOf(key, version));
      this.#tell(id, hints);
      return true;
    });
  }

  listSessions(
    page: { readonly after?: string; readonly limit?: number } = {},
  ): Awaitable<readonly StoredSession[]> {
    const { after = "", limit = 1_000 } = page;
    if (after !== "") checkId("id to list behind", after);
    checkLimit(limit);
    return this.#database.single(() => this.#scopes.list(after, limit, this.#clock.now()));
  }

  countSessions(): Awaitable<number> {
    return this.#database.single(() => this.#scopes.count(this.#clock.now()));
  }

  sweep(limit = 500): Awaitable<readonly string[]> {
    checkLimit(limit);
    const sweeping = this.#database.transaction(() => {
      const nowMs = this.#clock.now();
      this.#records.sweep(RECORDS_A_SWEEP, nowMs);
      return this.#scopes.sweep(limit, nowMs);
    });
    return andThen(sweeping, (ids) => {
      this.#blobs.collect();
      return ids;
    });
  }

  get(key: RecordKey): Awaitable<StoredRecord | undefined> {
    checkKey(key);
    const row = this.#database.single(() => this.#records.get(key, this.#clock.now()));
    return andThen(row, (found) => {
      if (found === undefined) return undefined;
      return found.value === undefined ? this.#download(key, found) : recordOf(found, found.value);
    });
  }

  async #download(key: RecordKey, row: RecordRow): Promise<StoredRecord | undefined> {
    let lastBlob: number | undefined;
    for (let current: RecordRow | undefined = row; current !== undefined; ) {
      const { blob, bytes, value } = current;
      if (blob === undefined) return recordOf(current, value ?? new Uint8Array());
      if (blob === lastBlob) throw unavailable("sqlite", `a part of ${key.name} is missing`);
      const whole = await this.#blobs.download(blob, bytes);
      if (whole !== undefined) return recordOf(current, whole);
      // Somebody has written the record meanwhile: what it is now counts.
      lastBlob = blob;
      current = await this.#database.single(() => this.#records.get(key, this.#clock.now()));
    }
    return undefined;
  }

  list(session: Scope, namespace: string): Awaitable<readonly RecordInfo[]> {
    checkScope(session);
    checkId("namespace of a record", namespace);
    return this.#database.single(() => this.#records.list(session, namespace, this.#clock.now()));
  }

  write(
    session: Scope,
    changes: readonly RecordChange[],
    options: { readonly epoch?: string } = {},
  ): Awaitable<readonly number[]> {
    checkScope(session);
    checkEpoch(options.epoch);
    const checked = checkChanges(changes, this.limits);
    const large = inParts(checked);
    const write = { session, epoch: options.epoch, changes: checked };
    return large.size === 0 ? this.#write(write, new Map()) : this.#writeLarge(write, large);
  }

  async #writeLarge(write: Write, large: ReadonlySet<CheckedChange>): Promise<readonly number[]> {
    const uploads = new Map<CheckedChange, number>();
    try {
      for (const change of large) {
        if (change.kind !== "set") continue;
        uploads.set(change, await this.#blobs.upload(toBytes(change.value)));
      }
      return await this.#write(write, uploads);
    } catch (error) {
      await this.#blobs.giveUp(uploads.values());
      throw error;
    }
  }

  #write(
    { session, epoch, changes }: Write,
    uploads: ReadonlyMap<CheckedChange, number>,
  ): Awaitable<readonly number[]> {
    const writing = this.#database.transaction(() => {
      const nowMs = this.#clock.now();
      const scope = this.#scopes.openForWrite(session, epoch, nowMs);
      const before = scope.records;
      const done = this.#records.write(scope, changes, uploads, nowMs);
      const { maxRecords } = this.limits;
      this.#records.checkQuota(scope, before, { maxRecords, session, nowMs });
      this.#scopes.closeAfterWrite(scope, nowMs);
      return done;
    });
    return andThen(writing, (done) => {
      this.#blobs.collectIfNeeded();
      this.#tell(
        session,
        done.filter(({ version }) => version > 0),
      );
      return done.map(({ version }) => version);
    });
  }

  watch(session: Scope, listener: (hint: RecordHint) => void): Awaitable<Disposable> {
    checkScope(session);
    checkListener(listener);
    return andThen(
      this.#database.single(() => this.#poll.watch(session)),
      (polling) => {
        const watching = this.#watchers.add(session, listener);
        return {
          [Symbol.dispose]: () => {
            watching[Symbol.dispose]();
            polling[Symbol.dispose]();
          },
        };
      },
    );
  }

  async close(): Promise<void> {
    this.#poll.close();
    this.#watchers.clear();
    this.#database.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #tell(scope: Scope, hints: readonly RecordHint[]): void {
    for (const hint of hints) this.#poll.note(scope, recordKey(hint.namespace, hint.name), hint);
    this.#watchers.tell(scope, hints);
  }

  #changePoll(periodMs: number): ChangePoll {
    const version = this.#database.prepare("PRAGMA data_version");
    const source = {
      dataVersion: () => Number(version.get()?.["data_version"]),
      scopeVersion: (scope: Scope) => {
        const { scope: number, changes } = this.#scopes.changes(scope, this.#clock.now());
        return `${number} ${changes}`;
      },
      versions: (scope: Scope) => {
        const nowMs = this.#clock.now();
        const origin = String(this.#scopes.changes(scope, nowMs).scope);
        return { origin, versions: this.#records.versions(scope, nowMs) };
      },
    };
    const tell = (scope: Scope, hints: readonly RecordHint[]) => this.#watchers.tell(scope, hints);
    return new ChangePoll(source, { periodMs, tell });
  }
}

interface Write {
  readonly session: Scope;
  readonly epoch: string | undefined;
  readonly changes: readonly CheckedChange[];
}

function recordOf(row: RecordRow, bytes: Uint8Array): StoredRecord {
  const { namespace, name, version, type, isText } = row;
  const value = fromBytes(bytes, isText);
  return { namespace, name, version, type, bytes: row.bytes, value };
}

function deletionOf(key: string, version: number): RecordHint {
  return { ...parseRecordKey(key), version, isDeleted: true };
}
