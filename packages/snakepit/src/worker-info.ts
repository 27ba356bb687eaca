import type { WorkerInfo } from "./pool.ts";
import type { Worker } from "./worker.ts";

/** A worker as users of the pool see it. `nowMs`: on the pool's clock. */
export function workerInfo(worker: Worker, nowMs: number): WorkerInfo {
  const { id, process, phase, load, concurrency, calls, errors, memoryBytes, history } = worker;
  const { startedAtMs, idleSinceMs } = worker;
  const idleMs = idleSinceMs === undefined ? 0 : nowMs - idleSinceMs;
  return {
    id,
    pid: process?.pid,
    state: phase,
    startedAtMs,
    lastActivityAtMs: Math.max(startedAtMs, Math.round(Date.now() - idleMs)),
    load,
    concurrency,
    calls,
    errors,
    sessions: worker.sessionCount,
    memoryBytes,
    stderr: worker.lastLines(),
    history: history.notes,
  };
}
