import { memoryStore, type Store } from "snakepit";
import { redisStore } from "snakepit/store/redis";
import { sqliteStore } from "snakepit/store/sqlite";
import type { Contestant, StoreLoad } from "./contestant.ts";
import { startRedis } from "./redis-process.ts";
import { RECORDS } from "./store-samples.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Of 200 bytes, as in the measurements that the stores were chosen by. */
export const storedText = "x".repeat(200);

export async function openMemoryStore(): Promise<Contestant> {
  return contestant(memoryStore());
}

export async function openSqliteStore(): Promise<Contestant> {
  const folder = temporaryFolder();
  const store = await sqliteStore({ path: folder.file("ours.db") });
  return contestant(store, () => folder[Symbol.dispose]());
}

export async function openRedisStore(): Promise<Contestant> {
  const server = await startRedis();
  const store = await redisStore({ client: server.client() });
  return contestant(store, () => server[Symbol.dispose]());
}

async function contestant(store: Store, after: () => void = () => {}): Promise<Contestant> {
  await store.openSession("bench", { ttlMs: 3_600_000, data: "{}" });
  const load = storeLoad(store);
  for (let record = 0; record < RECORDS; record++) await load.set(record);
  return {
    name: "ours",
    store: load,
    async [Symbol.asyncDispose]() {
      await store.close();
      after();
    },
  };
}

function storeLoad(store: Store): StoreLoad {
  const names = Array.from({ length: RECORDS }, (_, record) => `record-${record}`);
  const at = (record: number) => ({
    namespace: "bench",
    name: names[record] as string,
  });
  return {
    get: (record) => store.get({ session: "bench", ...at(record) }),
    set: (record) =>
      store.write("bench", [{ kind: "set", ...at(record), type: "text", value: storedText }]),
  };
}
