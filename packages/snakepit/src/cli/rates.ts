import type { ApplicationReport, PoolReport, PoolWorkers } from "../inspect/protocol.ts";
import type { PoolStats, WorkerInfo } from "../pool.ts";
import type { Attached } from "./attach.ts";

/** One look at an application. */
export interface Look {
  /** Of its socket, which tells it from all others. */
  readonly path: string;
  readonly application: ApplicationReport;
  readonly workers: readonly PoolWorkers[];
}

/** What has changed from one look to the next, per second; undefined at the first. */
export interface Rates {
  readonly callsPerSecond: number | undefined;
  readonly failuresPerSecond: number | undefined;
}

/** undefined: it has ended meanwhile, or does not answer. */
export async function look({ path, client, report }: Attached): Promise<Look | undefined> {
  try {
    return { path, application: report, workers: await client.ask("workers", {}) };
  } catch {
    return undefined; // who looks on is told by what is missing
  }
}

export function poolRates(
  pool: PoolReport,
  now: ApplicationReport,
  before: ApplicationReport | undefined,
): Rates {
  const then = before?.pools.find(({ name }) => name === pool.name);
  const seconds = secondsBetween(before, now);
  return {
    callsPerSecond: rate(answered(pool.stats), then && answered(then.stats), seconds),
    failuresPerSecond: rate(pool.stats.failed, then?.stats.failed, seconds),
  };
}

export function workerRate(
  worker: WorkerInfo,
  now: Look,
  before: Look | undefined,
): number | undefined {
  const then = before?.workers
    .flatMap(({ workers }) => workers)
    .find(({ id, pid }) => id === worker.id && pid === worker.pid);
  return rate(worker.calls, then?.calls, secondsBetween(before?.application, now.application));
}

function answered({ succeeded, failed }: PoolStats): number {
  return succeeded + failed;
}

function secondsBetween(before: ApplicationReport | undefined, now: ApplicationReport): number {
  return before === undefined ? 0 : (now.atMs - before.atMs) / 1_000;
}

function rate(now: number, before: number | undefined, seconds: number): number | undefined {
  return before === undefined || seconds <= 0 ? undefined : Math.max(0, now - before) / seconds;
}
