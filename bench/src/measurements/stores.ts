import type { Measurement } from "../measurement.ts";
import { openMemoryStore, openRedisStore, openSqliteStore } from "../our-stores.ts";
import { openBareMap, openBareRedis, openBareSqlite } from "../peers/bare-stores.ts";
import { storeRate } from "../store-samples.ts";

/** What it is, what is done, and by how many at once. */
const loads = [
  ["memory", "get", 1],
  ["sqlite", "get", 1],
  ["sqlite", "get", 64],
  ["sqlite", "set", 1],
  ["sqlite", "set", 64],
  ["redis", "get", 1],
  ["redis", "set", 1],
  ["redis", "get", 64],
  ["redis", "set", 64],
] as const;

const kinds = {
  memory: { name: "bare-map", ours: openMemoryStore, bare: openBareMap },
  sqlite: { name: "bare-sqlite", ours: openSqliteStore, bare: openBareSqlite },
  redis: { name: "bare-redis", ours: openRedisStore, bare: openBareRedis },
};

export const stores = loads.map(([kind, what, inFlight]): Measurement => {
  const { name, ours: openStore, bare } = kinds[kind];
  return {
    title: `${kind} store, ${what}, ${inFlight} in flight, 200 bytes`,
    rows: [
      {
        name: `store-${kind}-${what}-${inFlight}`,
        value: "rate",
        unit: "records/s",
        better: "higher",
        targets: [kind === "memory" ? { atLeast: 1_000_000 } : { peer: name, atLeast: 0.7 }],
      },
    ],
    entries: [
      { name: "ours", open: openStore },
      { name, open: bare },
    ],
    isDetail: true,
    sample: storeRate(what, inFlight),
  };
});
