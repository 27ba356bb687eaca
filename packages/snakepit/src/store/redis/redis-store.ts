import { randomUUID } from "node:crypto";
import { show } from "../../check-options.ts";
import { SnakepitError } from "../../errors.ts";
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
  recordKey,
} from "../check-arguments.ts";
import type { VersionList } from "../known-versions.ts";
import { finite, PART_BYTES } from "../limits.ts";
import { inParts, toBytes } from "../parts.ts";
import {
  closed,
  conflict,
  tooManyRecords,
  tooManySessions,
  unavailable,
  unknownSession,
} from "../refusals.ts";
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
} from "../store.ts";
import { Watchers } from "../watchers.ts";
import { RedisBlobs } from "./blobs.ts";
import { type Argument, RedisConnection, type Script } from "./connection.ts";
import { clientMaker, type MakeClient } from "./load-ioredis.ts";
import {
  type RedisStoreOptions,
  type ResolvedRedisOptions,
  resolveRedisOptions,
} from "./options.ts";
import {
  changeArguments,
  overwriteArguments,
  parseEntry,
  parseInfo,
  parseSession,
  type RecordEntry,
  recordOf,
  type SetChange,
} from "./records.ts";
import * as scripts from "./scripts.ts";
import { Subscription } from "./subscription.ts";

/** Of the keys in `scripts.ts`. */
const SCHEMA_VERSION = 1;
/** Records that one sweep removes because their own time is over. */
const RECORDS_A_SWEEP = 1_000;

/**
 * Sessions and records in a Redis server (5 or later, or one that speaks like it), for any number
 * of hosts. Every write is one script, so that it is done as a whole or not at all.
 * @throws SnakepitError INVALID_OPTIONS, UNSUPPORTED (also when `ioredis` is not installed),
 * STORE_UNAVAILABLE
 */
export async function redisStore(options: RedisStoreOptions): Promise<Store> {
  const resolved = resolveRedisOptions(options);
  const make = await clientMaker(resolved);
  const connection = await RedisConnection.open(make, resolved.timeoutMs);
  try {
    await checkSchema(connection, baseOf(resolved));
  } catch (error) {
    connection.close();
    throw error;
  }
  return new RedisStore(connection, make, resolved);
}

/** In braces: what a cluster looks at when it places a key. */
function baseOf({ prefix }: ResolvedRedisOptions): string {
  return `{${prefix}}`;
}

async function checkSchema(connection: RedisConnection, base: string): Promise<void> {
  const key = `${base}:schema`;
  await connection.send("unknown", "SETNX", [key, SCHEMA_VERSION]);
  const found = Number(await connection.send("not-started", "GET", [key]));
  if (found === SCHEMA_VERSION) return;
  throw new SnakepitError(
    "UNSUPPORTED",
    `${base} was written by a later snakepit (schema ${found}, and this one knows ` +
      `${SCHEMA_VERSION}); update snakepit here, or use another prefix`,
    { outcome: "not-started" },
  );
}

class RedisStore implements Store {
  readonly name = "redis";
  readonly limits: StoreLimits;
  readonly #connection: RedisConnection;
  readonly #base: string;
  readonly #blobs: RedisBlobs;
  readonly #watchers = new Watchers();
  readonly #subscription: Subscription;
  #isClosed = false;

  constructor(connection: RedisConnection, make: MakeClient, options: ResolvedRedisOptions) {
    this.limits = options.limits;
    this.#connection = connection;
    this.#base = baseOf(options);
    this.#blobs = new RedisBlobs(connection, this.#base);
    this.#subscription = new Subscription({
      make,
      timeoutMs: options.timeoutMs,
      base: this.#base,
      versions: (scope) => this.#versions(scope),
      tell: (scope, hints) => this.#watchers.tell(scope, hints),
    });
  }

  async openSession(
    id: string,
    init: { readonly ttlMs: number; readonly data: string },
  ): Promise<OpenedSession> {
    checkId("id of a session", id);
    checkInit(init);
    const ttl = init.ttlMs === Number.POSITIVE_INFINITY ? "inf" : init.ttlMs;
    const { maxSessions } = this.limits;
    const args = [id, randomUUID(), ttl, init.data, finite(maxSessions)];
    const [isNew, sessions, ...fields] = await this.#write(scripts.openSession, id, args);
    if (String(isNew) === "QUOTA") throw tooManySessions(maxSessions);
    const session = parseSession(id, fields) as StoredSession;
    return { session, isNew: String(isNew) === "1", sessions: Number(sessions) };
  }

  async getSession(id: string): Promise<StoredSession | undefined> {
    checkId("id of a session", id);
    const fields = ["epoch", "ttl", "created", "used", "version", "data"];
    const key = `${this.#base}:m:${id}`;
    const reply = await this.#connection.send("not-started", "HMGET", [key, ...fields]);
    return parseSession(id, reply as Buffer[]);
  }

  async touchSession(id: string, epoch: string): Promise<boolean> {
    checkId("id of a session", id);
    const args = [id, String(epoch)];
    return (await this.#run("unknown", scripts.touchSession, id, args)) === 1;
  }

  async updateSession(id: string, data: string, expect: number): Promise<StoredSession> {
    checkId("id of a session", id);
    checkData(data);
    checkExpect(expect);
    const reply = await this.#write(scripts.updateSession, id, [id, data, expect]);
    const [result, ...fields] = reply;
    if (String(result) === "NONE") throw unknownSession(id);
    if (String(result) === "CONFLICT") throw conflict(id, expect, Number(fields[0]));
    return parseSession(id, fields) as StoredSession;
  }

  async deleteSession(id: string, epoch?: string): Promise<boolean> {
    checkId("id of a session", id);
    checkEpoch(epoch);
    return (await this.#run("unknown", scripts.deleteSession, id, [id, epoch ?? ""])) === 1;
  }

  async listSessions(
    page: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<readonly StoredSession[]> {
    const { after = "", limit = 1_000 } = page;
    if (after !== "") checkId("id to list behind", after);
    checkLimit(limit);
    const reply = await this.#run("not-started", scripts.listSessions, "", [after, limit]);
    return (reply as Buffer[][]).map(([id, ...fields]) => {
      return parseSession(String(id), fields) as StoredSession;
    });
  }

  async countSessions(): Promise<number> {
    return Number(await this.#run("not-started", scripts.countSessions, "", []));
  }

  async sweep(limit = 500): Promise<readonly string[]> {
    checkLimit(limit);
    return (await this.#write(scripts.sweep, "", [limit, RECORDS_A_SWEEP])).map(String);
  }

  async get(key: RecordKey): Promise<StoredRecord | undefined> {
    checkKey(key);
    let lastBlob: string | undefined;
    for (;;) {
      const entry = await this.#look(key);
      if (entry?.blob === undefined) return entry && recordOf(entry, entry.value);
      if (entry.blob === lastBlob) {
        throw unavailable("redis", `a part of ${show(key.name)} is missing; was it evicted?`);
      }
      const whole = await this.#blobs.download(entry.blob, entry.bytes);
      if (whole !== undefined) return recordOf(entry, whole);
      // Somebody has written the record meanwhile: what it is now counts.
      lastBlob = entry.blob;
    }
  }

  async #look({ session, namespace, name }: RecordKey): Promise<RecordEntry | undefined> {
    const field = recordKey(namespace, name);
    const args = [`${this.#base}:v:${session ?? ""}`, field];
    const reply = await this.#connection.send("not-started", "HGET", args);
    if (!Buffer.isBuffer(reply)) return undefined;
    const entry = parseEntry(field, reply);
    // It was there when it was read: what has not ended afterwards had not ended then.
    const isOver = entry.endsAtMs > 0 && entry.endsAtMs <= (await this.#now());
    return isOver ? undefined : entry;
  }

  async #now(): Promise<number> {
    const [seconds, micros] = (await this.#connection.send("not-started", "TIME", [])) as Buffer[];
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }

  async list(session: Scope, namespace: string): Promise<readonly RecordInfo[]> {
    checkScope(session);
    checkId("namespace of a record", namespace);
    const { records } = await this.#list(session, namespace);
    return records.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async #list(
    session: Scope,
    namespace: string,
  ): Promise<{ epoch: string; records: RecordInfo[] }> {
    const id = session ?? "";
    const reply = await this.#run("not-started", scripts.listRecords, id, [id, namespace]);
    const [epoch, ...pairs] = (reply as Buffer[]).map(String);
    const records: RecordInfo[] = [];
    for (let at = 0; at < pairs.length; at += 2) {
      records.push(parseInfo(pairs[at] as string, pairs[at + 1] as string));
    }
    return { epoch: String(epoch), records };
  }

  async #versions(session: Scope): Promise<VersionList> {
    const { epoch, records } = await this.#list(session, "");
    const versions = new Map(
      records.map(({ namespace, name, version }) => [recordKey(namespace, name), version]),
    );
    return { origin: epoch, versions };
  }

  async write(
    session: Scope,
    changes: readonly RecordChange[],
    options: { readonly epoch?: string } = {},
  ): Promise<readonly number[]> {
    checkScope(session);
    checkEpoch(options.epoch);
    const write = { session, epoch: options.epoch, changes: checkChanges(changes, this.limits) };
    const quick = quickChange(write);
    if (quick !== undefined) {
      const version = await this.#overwrite(write, quick);
      if (version !== null) return [Number(version)];
    }
    const large = inParts(write.changes);
    return large.size > 0 ? this.#writeLarge(write, large) : this.#writeRecords(write, new Map());
  }

  async #writeLarge(write: Write, large: ReadonlySet<CheckedChange>): Promise<readonly number[]> {
    const uploads = new Map<CheckedChange, string>();
    try {
      for (const change of large) {
        if (change.kind !== "set") continue;
        uploads.set(change, await this.#blobs.upload(toBytes(change.value)));
      }
      return await this.#writeRecords(write, uploads);
    } catch (error) {
      // What may have been linked all the same must not be removed.
      const isUndone = SnakepitError.is(error) && error.outcome === "not-started";
      if (isUndone) await this.#blobs.giveUp(uploads.values());
      throw error;
    }
  }

  async #writeRecords(
    { session, epoch = "", changes }: Write,
    uploads: ReadonlyMap<CheckedChange, string>,
  ): Promise<readonly number[]> {
    const id = session ?? "";
    const { maxRecords } = this.limits;
    const [result, ...rest] = await this.#write(scripts.writeRecords, id, [
      ...[id, epoch, finite(maxRecords), changes.length],
      ...changes.flatMap((change) => changeArguments(change, uploads.get(change))),
    ]);
    switch (String(result)) {
      case "OK":
        return rest.map(Number);
      case "CONFLICT": {
        const change = changes[Number(rest[0]) - 1] as CheckedChange;
        throw conflict(change.name, change.expect ?? 0, Number(rest[1]));
      }
      case "QUOTA":
        throw tooManyRecords(maxRecords, session);
      case "GONE":
        throw unavailable("redis", "the write took too long, and its first parts are gone");
      default:
        throw unknownSession(id);
    }
  }

  /** null: nothing was written, because it needs more than that. */
  #overwrite({ session, epoch = "" }: Write, change: SetChange): Promise<unknown> {
    const id = session ?? "";
    const keys = [`${this.#base}:m:${id}`, `${this.#base}:v:${id}`];
    const args = overwriteArguments(change, session === undefined ? "-" : epoch);
    return this.#connection.run("unknown", scripts.overwriteRecord, keys, args);
  }

  async watch(session: Scope, listener: (hint: RecordHint) => void): Promise<Disposable> {
    checkScope(session);
    checkListener(listener);
    if (this.#isClosed) throw closed(this.name);
    const subscribed = await this.#subscription.watch(session);
    const watching = this.#watchers.add(session, listener);
    return {
      [Symbol.dispose]: () => {
        watching[Symbol.dispose]();
        subscribed[Symbol.dispose]();
      },
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watchers.clear();
    this.#subscription.close();
    this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The key only says where the script runs; it lies with all the others. */
  #run(
    outcome: "unknown" | "not-started",
    script: Script,
    id: string,
    args: readonly Argument[],
  ): Promise<unknown> {
    const keys = [`${this.#base}:m:${id}`];
    return this.#connection.run(outcome, script, keys, [this.#base, ...args]);
  }

  #write(script: Script, id: string, args: readonly Argument[]): Promise<Buffer[]> {
    return this.#run("unknown", script, id, args) as Promise<Buffer[]>;
  }
}

interface Write {
  readonly session: Scope;
  readonly epoch: string | undefined;
  readonly changes: readonly CheckedChange[];
}

/** The only change, if `overwriteRecord` may be able to do it. */
function quickChange({ changes }: Write): SetChange | undefined {
  const [change] = changes;
  if (change?.kind !== "set" || changes.length > 1 || change.bytes > PART_BYTES) return undefined;
  const isUsual = change.expect !== 0 && change.ttlMs === Number.POSITIVE_INFINITY;
  return isUsual ? change : undefined;
}
