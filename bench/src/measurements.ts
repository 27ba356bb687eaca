import { callLatency, callRate, chunkRate, firstChunk } from "./call-samples.ts";
import type { Contestant, Entry } from "./contestant.ts";
import {
  openNodeProcess,
  openNodeStarts,
  openOneAfterAnother,
  openPythonProcess,
  openPythonStarts,
} from "./our-processes.ts";
import { openQueue } from "./our-queue.ts";
import { openSessionsAlone } from "./our-sessions.ts";
import { openMemoryStore, openRedisStore, openSqliteStore } from "./our-stores.ts";
import { openOurs, openPoolAlone } from "./ours.ts";
import { openBareSocket } from "./peers/bare-socket.ts";
import { openBareSpawn } from "./peers/bare-spawn.ts";
import { openBareMap, openBareRedis, openBareSqlite } from "./peers/bare-stores.ts";
import { openGrpc } from "./peers/grpc.ts";
import { openPiscina } from "./peers/piscina.ts";
import { openPromiseLoop } from "./peers/promise-loop.ts";
import { openPythonShell, openPythonShellStarts } from "./peers/python-shell.ts";
import { openPythonia } from "./peers/pythonia.ts";
import { queueCosts, sharedSignalCosts } from "./queue-samples.ts";
import { storeRate } from "./store-samples.ts";
import type { Sample } from "./timed.ts";
import { idleMemory, janitorMemory, startTime } from "./worker-samples.ts";

export interface Row {
  readonly name: string;
  /** Which of a sample's values. */
  readonly value: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  /** Of the system that this one is to surpass, or what we want ourselves. */
  readonly claim?: string;
}

/** One kind of load, put on every contestant in turn. It may fill more than one row. */
export interface Measurement {
  readonly title: string;
  readonly rows: readonly Row[];
  /** Ours first. */
  readonly entries: readonly Entry[];
  /**
   * A load for so long, warmed up before each turn. `once`: a thing done once in a turn; only its
   * very first time, which loads code and reads files that later ones find in memory, is left out.
   */
  readonly kind?: "load" | "once";
  sample(contestant: Contestant, durationMs: number): Promise<Sample>;
}

const ours: Entry = { name: "ours", open: openOurs };
const grpcUnary: Entry = { name: "grpc-unary", open: () => openGrpc("grpc-unary") };
const grpcStream: Entry = {
  name: "grpc-server-stream",
  open: () => openGrpc("grpc-server-stream"),
};
const bareSocket: Entry = { name: "bare-socket", open: openBareSocket };
const pythonShell: Entry = { name: "python-shell", open: openPythonShell };
const pythonia: Entry = { name: "pythonia", open: openPythonia };
const processes: readonly Entry[] = [
  { name: "ours", open: openPythonProcess },
  { name: "node-worker", open: openNodeProcess },
  pythonShell,
  pythonia,
];

/** What it is, the name of its rows, what is done, by how many at once, and what is wanted. */
const storeLoads = [
  ["memory", "get", 1, "(1,000,000 reads/s wanted)"],
  ["sqlite", "get", 1, ""],
  ["sqlite", "get", 64, ""],
  ["sqlite", "set", 1, ""],
  ["sqlite", "set", 64, ""],
  ["redis", "get", 1, ""],
  ["redis", "set", 1, ""],
  ["redis", "get", 64, ""],
  ["redis", "set", 64, ""],
] as const;

const stores = {
  memory: { name: "bare-map", ours: openMemoryStore, bare: openBareMap },
  sqlite: { name: "bare-sqlite", ours: openSqliteStore, bare: openBareSqlite },
  redis: { name: "bare-redis", ours: openRedisStore, bare: openBareRedis },
};

const storeMeasurements = storeLoads.map(([kind, what, inFlight, claim]): Measurement => {
  const { name, ours: openStore, bare } = stores[kind];
  return {
    title: `${kind} store, ${what}, ${inFlight} in flight, 200 bytes`,
    rows: [
      {
        name: `store-${kind}-${what}-${inFlight}`,
        value: "rate",
        unit: "records/s",
        better: "higher",
        claim: claim === "" ? "(0.7 × its bare client wanted)" : claim,
      },
    ],
    entries: [
      { name: "ours", open: openStore },
      { name, open: bare },
    ],
    sample: storeRate(what, inFlight),
  };
});

export const measurements: readonly Measurement[] = [
  {
    title: "small calls, 1 Python worker, 256 in flight",
    rows: [
      {
        name: "small-calls",
        value: "rate",
        unit: "calls/s",
        better: "higher",
        claim: "75,000 calls/s",
      },
    ],
    entries: [ours, grpcUnary, bareSocket, pythonShell, pythonia],
    sample: (contestant, durationMs) => callRate(contestant, 256, durationMs),
  },
  {
    title: "one call at a time",
    rows: [
      { name: "latency-p50", value: "p50", unit: "µs", better: "lower" },
      { name: "latency-p99", value: "p99", unit: "µs", better: "lower", claim: "1,200 µs" },
    ],
    entries: [ours, grpcUnary, bareSocket, pythonShell, pythonia],
    sample: callLatency,
  },
  {
    title: "streams of 32-character chunks",
    rows: [
      {
        name: "stream-chunks",
        value: "rate",
        unit: "chunks/s",
        better: "higher",
        claim: "250,000 chunks/s",
      },
    ],
    entries: [ours, grpcStream, bareSocket],
    sample: chunkRate,
  },
  {
    title: "first chunk of a stream",
    rows: [{ name: "first-chunk", value: "first", unit: "ms", better: "lower", claim: "5 ms" }],
    entries: [ours, grpcStream, bareSocket],
    sample: firstChunk,
  },
  {
    title: "the pool without processes, 256 in flight, a deadline on each call",
    rows: [
      {
        name: "pool-alone",
        value: "rate",
        unit: "calls/s",
        better: "higher",
        claim: "(1,000,000 calls/s wanted)",
      },
    ],
    entries: [
      { name: "ours", open: () => openPoolAlone() },
      { name: "promise-loop", open: openPromiseLoop },
      { name: "piscina", open: openPiscina },
    ],
    sample: (contestant, durationMs) => callRate(contestant, 256, durationMs),
  },
  {
    title: "the same, each call in one of 64 sessions",
    rows: [
      {
        name: "session-calls-alone",
        value: "rate",
        unit: "calls/s",
        better: "higher",
        claim: "(0.8 × without sessions wanted)",
      },
    ],
    entries: [
      { name: "ours", open: openSessionsAlone },
      { name: "no-session", open: () => openPoolAlone("no-session") },
    ],
    sample: (contestant, durationMs) => callRate(contestant, 256, durationMs),
  },
  {
    title: "the same with and without telemetry",
    rows: [
      {
        name: "telemetry",
        value: "rate",
        unit: "calls/s",
        better: "higher",
        claim: "(0.9 × without it wanted)",
      },
    ],
    entries: [
      { name: "ours", open: () => openPoolAlone() },
      { name: "telemetry-off", open: () => openPoolAlone("telemetry-off", false) },
    ],
    sample: (contestant, durationMs) => callRate(contestant, 256, durationMs),
  },
  ...storeMeasurements,
  {
    title: "JSON lines to 1 Python process without dependencies, 256 in flight",
    rows: [{ name: "process-adapter", value: "rate", unit: "calls/s", better: "higher" }],
    entries: processes,
    sample: (contestant, durationMs) => callRate(contestant, 256, durationMs),
  },
  {
    title: "the same, one call at a time",
    rows: [
      { name: "process-adapter-p50", value: "p50", unit: "µs", better: "lower" },
      { name: "process-adapter-p99", value: "p99", unit: "µs", better: "lower" },
    ],
    entries: processes,
    sample: callLatency,
  },
  {
    title: "16 Node workers, from nothing until all are ready",
    rows: [{ name: "start-16-processes", value: "elapsed", unit: "ms", better: "lower" }],
    entries: [
      { name: "ours", open: openNodeStarts },
      { name: "one-after-another", open: openOneAfterAnother },
      { name: "bare-spawn", open: openBareSpawn },
    ],
    kind: "once",
    sample: (contestant) => startTime(contestant, 16),
  },
  {
    title: "8 idle Node workers, each",
    rows: [
      { name: "memory-idle-worker", value: "worker", unit: "MiB", better: "lower" },
      { name: "memory-idle-worker-host", value: "host", unit: "KiB", better: "lower" },
    ],
    entries: [
      { name: "ours", open: openNodeStarts },
      { name: "bare-spawn", open: openBareSpawn },
      { name: "python-worker", open: openPythonStarts },
      { name: "python-shell", open: openPythonShellStarts },
    ],
    kind: "once",
    sample: (contestant) => idleMemory(contestant, 8),
  },
  {
    title: "the janitor, one for all workers of a host",
    rows: [{ name: "memory-janitor", value: "size", unit: "KiB", better: "lower" }],
    entries: [{ name: "ours", open: openNodeStarts }],
    kind: "once",
    sample: janitorMemory,
  },
  {
    title: "100,000 calls wait in the queue, next to shorter queues",
    rows: [
      { name: "queue-100k", value: "through", unit: "CPU µs", better: "lower" },
      { name: "queue-100k-cancel", value: "cancel", unit: "CPU µs", better: "lower" },
      { name: "queue-100k-memory", value: "bytes", unit: "bytes", better: "lower" },
    ],
    entries: [
      { name: "ours", open: () => openQueue("ours", 100_000) },
      { name: "queue-10k", open: () => openQueue("queue-10k", 10_000) },
      { name: "queue-1k", open: () => openQueue("queue-1k", 1_000) },
    ],
    kind: "once",
    sample: queueCosts,
  },
  {
    title: "10,000 calls that share one signal wait, and it aborts",
    rows: [{ name: "queue-10k-one-signal", value: "shared", unit: "CPU µs", better: "lower" }],
    entries: [
      { name: "ours", open: () => openQueue("ours", 10_000) },
      { name: "queue-1k", open: () => openQueue("queue-1k", 1_000) },
    ],
    kind: "once",
    sample: sharedSignalCosts,
  },
];
