import type { ApplicationReport, PoolReport } from "../inspect/protocol.ts";
import type { WorkerInfo } from "../pool.ts";
import { bytes, duration, milliseconds, perSecond } from "./measures.ts";
import { type Cell, clean, table } from "./output.ts";
import { type Look, poolRates, workerRate } from "./rates.ts";

/** A note may hold the whole message of an error. */
const NOTE_CHARACTERS = 60;

/** `server.mjs  pid 4711  up 3 h 5 min  97 MiB  Node v24.1.0` */
export function applicationLine(application: ApplicationReport): string {
  const { name, pid, thread, startedAtMs, atMs, memoryBytes, node } = application;
  const parts = [
    clean(name),
    `pid ${pid}${thread === 0 ? "" : `, thread ${thread}`}`,
    `up ${duration(atMs - startedAtMs).text}`,
    bytes(memoryBytes).text,
    `Node ${clean(node)}`,
  ];
  return parts.join("  ");
}

export function poolTable(now: ApplicationReport, before: ApplicationReport | undefined): string[] {
  const head = [
    ...["pool", "ready", "busy", "running", "queued", "rate", "calls", "failed"],
    ...["starting", "draining", "limits", "sessions", "circuit", "adapter"],
  ];
  return table(
    head,
    now.pools.map((pool) => poolRow(pool, now, before)),
  );
}

function poolRow(
  pool: PoolReport,
  now: ApplicationReport,
  before: ApplicationReport | undefined,
): Cell[] {
  const { stats, minWorkers, maxWorkers } = pool;
  const { ready, starting, draining } = stats.workers;
  const busy = numberOf(stats, "utilisation");
  return [
    pool.name,
    ready,
    busy === undefined ? undefined : { text: `${Math.round(100 * busy)} %` },
    stats.running,
    stats.queued,
    perSecond(poolRates(pool, now, before).callsPerSecond),
    stats.succeeded + stats.failed,
    stats.failed,
    starting,
    draining,
    { text: `${minWorkers}-${maxWorkers}` },
    stats.sessions,
    stats.circuit,
    pool.adapter,
  ];
}

export function workerTable(now: Look, before: Look | undefined): string[] {
  const head = [
    ...["worker", "pid", "state", "load", "rate", "calls", "errors", "memory", "sessions"],
    ...["age", "idle", "pool", "last note"],
  ];
  const rows = now.workers.flatMap(({ pool, workers }) =>
    workers.map((worker) => workerRow(pool, worker, now, before)),
  );
  return table(head, rows);
}

function workerRow(pool: string, worker: WorkerInfo, now: Look, before: Look | undefined): Cell[] {
  const { atMs } = now.application;
  const since = (name: string) => {
    const thenMs = numberOf(worker, name);
    return duration(thenMs === undefined ? undefined : atMs - thenMs);
  };
  return [
    worker.id,
    worker.pid === undefined ? undefined : { text: String(worker.pid) },
    worker.state,
    { text: `${worker.load}/${worker.concurrency}` },
    perSecond(workerRate(worker, now, before)),
    worker.calls,
    worker.errors,
    bytes(worker.memoryBytes),
    worker.sessions,
    since("startedAtMs"),
    since("lastActivityAtMs"),
    pool,
    worker.history.at(-1)?.what.slice(0, NOTE_CHARACTERS) ?? "",
  ];
}

/** The commands of a pool that were called most often. */
export function commandTable({ stats }: PoolReport, most: number): string[] {
  const { commands } = stats as { readonly commands?: unknown };
  if (typeof commands !== "object" || commands === null) return [];
  const rows = Object.entries(commands).map(([command, one]) => ({
    command,
    calls: numberOf(one, "calls") ?? 0,
    cells: [
      numberOf(one, "errors"),
      ...["p50Ms", "p95Ms", "p99Ms", "maxMs"].map((name) => milliseconds(numberOf(one, name))),
    ],
  }));
  if (rows.length === 0) return [];
  rows.sort((one, other) => other.calls - one.calls);
  const cells = rows.slice(0, most).map(({ command, calls, cells }) => [command, calls, ...cells]);
  return table(["command", "calls", "errors", "p50", "p95", "p99", "longest"], cells);
}

/** A field that the application may be too old, or too new, to send. */
function numberOf(owner: unknown, name: string): number | undefined {
  const value = (owner as Readonly<Record<string, unknown>> | null)?.[name];
  return typeof value === "number" ? value : undefined;
}
