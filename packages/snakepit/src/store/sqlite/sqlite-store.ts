import { show } from "../../check-options.ts";
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
import { type LargeRecord, Records } from "./records.ts";
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
    return this.#database.single(() => {
      return this.#scopes.use(id, String(epoch), this.#clock.now()) !== undefined;
    });
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
    return andThen(this.#look(key), (found) =>
      isLarge(found) ? this.#download(key, found) : found,
    );
  }

  #look(key: RecordKey): Awaitable<StoredRecord | LargeRecord | undefined> {
    return this.#database.single(() => this.#records.get(key, this.#clock.now()));
  }

  async #download(key: RecordKey, first: LargeRecord): Promise<StoredRecord | undefined> {
    let large = first;
    for (;;) {
      const { namespace, name, version, type, bytes, isText, blob } = large;
      const whole = await this.#blobs.download(blob, bytes);
      if (whole !== undefined) {
        return { namespace, name, version, type, bytes, value: fromBytes(whole, isText) };
      }
      // Somebody has written the record meanwhile: what it is now counts.
      const now = await this.#look(key);
      if (!isLarge(now)) return now;
      if (now.blob === blob) throw unavailable("sqlite", `a part of ${show(name)} is missing`);
      large = now;
    }
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
    return large.size === 0 ? this.#writeSmall(write) : this.#writeLarge(write, large);
  }

  #writeSmall(write: Write): Awaitable<readonly number[]> {
    const { session, epoch, changes } = write;
    const [change] = changes;
    if (change === undefined || changes.length > 1) return this.#write(write, new Map());
    const quick = this.#database.single(() =>
      this.#records.overwrite(session, epoch, change, this.#clock.now()),
    );
    return andThen(quick, (done) => {
      if (done === undefined) return this.#write(write, new Map());
      this.#tell(session, [done]);
      return [done.version];
    });
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
      const done = this.#records.write(scope, changes, uploads, nowMs);
      this.#records.checkQuota(scope, { maxRecords: this.limits.maxRecords, session, nowMs });
      this.#scopes.closeAfterWrite(session, scope, nowMs);
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
      versions: (scope: Scope) => {
        const nowMs = this.#clock.now();
        const origin = String(this.#scopes.number(scope, nowMs));
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

function isLarge(record: StoredRecord | LargeRecord | undefined): record is LargeRecord {
  return record !== undefined && "blob" in record;
}

function deletionOf(key: string, version: number): RecordHint {
  return { ...parseRecordKey(key), version, isDeleted: true };
}
