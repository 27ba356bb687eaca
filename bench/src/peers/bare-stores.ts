import { DatabaseSync } from "node:sqlite";
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

/** `node:sqlite` with a prepared statement: a row is put, its version counted up, and read. */
export async function openBareSqlite(): Promise<Contestant> {
  const folder = temporaryFolder();
  const database = new DatabaseSync(folder.file("bare.db"));
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  database.exec(
    "CREATE TABLE records (session TEXT, name TEXT, version INTEGER, value TEXT, PRIMARY KEY (session, name)) STRICT, WITHOUT ROWID",
  );
  const put = database.prepare(
    "INSERT INTO records VALUES (?, ?, 1, ?) ON CONFLICT DO UPDATE SET version = version + 1, value = excluded.value RETURNING version",
  );
  const read = database.prepare(
    "SELECT version, value FROM records WHERE session = ? AND name = ?",
  );
  const load = {
    get: (record: number) => read.get("bench", `record-${record}`),
    set: (record: number) => put.get("bench", `record-${record}`, storedText),
  };
  return filled("bare-sqlite", load, () => {
    database.close();
    folder[Symbol.dispose]();
  });
}

/** `ioredis`, one command for each: no versions, nothing expires. */
export async function openBareRedis(): Promise<Contestant> {
  const server = await startRedis();
  const client = server.client();
  const load = {
    get: (record: number) => client.hget("bench", `record-${record}`),
    set: (record: number) => client.hset("bench", `record-${record}`, storedText),
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
