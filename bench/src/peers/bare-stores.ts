import type { Contestant, StoreLoad } from "../contestant.ts";
import { storedText } from "../our-stores.ts";
import { startRedis } from "../redis-process.ts";
import { RECORDS } from "../store-samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** A map: no store at all. */
export async function openBareMap(): Promise<Contestant> {
  const map = new Map<string, string>();
  const names = Array.from({ length: RECORDS }, (_, record) => `record-${record}`);
  const load = {
    get: (record: number) => map.get(names[record] as string),
    set: (record: number) => map.set(names[record] as string, storedText),
  };
  return filled("bare-map", load, () => {});
}

/**
 * `node:sqlite` with two prepared statements on one table: what a store has to do at the least, an
 * upsert that compares and counts up the version, and a read of what has not expired.
 */
export async function openBareSqlite(): Promise<Contestant> {
  const { DatabaseSync } = await import("node:sqlite"); // Node 20 has none
  const folder = temporaryFolder();
  const database = new DatabaseSync(folder.file("bare.db"));
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  database.exec(
    "CREATE TABLE records (session TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, type TEXT NOT NULL, value BLOB NOT NULL, expires INTEGER, PRIMARY KEY (session, name)) STRICT, WITHOUT ROWID",
  );
  const put = database.prepare(
    "INSERT INTO records VALUES (?1, ?2, 1, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET version = version + 1, value = excluded.value, expires = excluded.expires WHERE ?6 IS NULL OR version = ?6 RETURNING version",
  );
  const read = database.prepare(
    "SELECT version, type, value FROM records WHERE session = ? AND name = ? AND expires > ?",
  );
  const never = Number.MAX_SAFE_INTEGER;
  const load = {
    get(record: number) {
      const row = read.get("bench", `record-${record}`, Date.now());
      return Buffer.from(row?.["value"] as Uint8Array).toString();
    },
    set: (record: number) =>
      put.get("bench", `record-${record}`, "text", Buffer.from(storedText), never, null),
  };
  return filled("bare-sqlite", load, () => {
    database.close();
    folder[Symbol.dispose]();
  });
}

/** Compares the version, counts it up, sets, expires, publishes; with an empty expectation. */
const versionedSet = `
local version = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
if ARGV[3] ~= '' and tonumber(ARGV[3]) ~= version then return -1 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], version + 1)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', KEYS[1], ARGV[1])
return version + 1`;

/** `ioredis`: HGET, and one script that does what a write of a store has to do, on two bare hashes. */
export async function openBareRedis(): Promise<Contestant> {
  const server = await startRedis();
  const client = server.client();
  const sha = (await client.script("LOAD", versionedSet)) as string;
  const load = {
    get: (record: number) => client.hgetBuffer("{bench}", `record-${record}`),
    set: (record: number) =>
      client.evalsha(
        sha,
        ...[2, "{bench}", "{bench}:versions"],
        ...[`record-${record}`, storedText, "", 3_600_000],
      ),
  };
  return filled("bare-redis", load, () => {
    client.disconnect();
    server[Symbol.dispose]();
  });
}

async function filled(name: string, store: StoreLoad, end: () => void): Promise<Contestant> {
  for (let record = 0; record < RECORDS; record++) await store.set(record);
  return { name, store, [Symbol.asyncDispose]: async () => end() };
}
