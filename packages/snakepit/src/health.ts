import type { Clock } from "./clock.ts";
import type { PoolHealth, WorkerHealth } from "./pool.ts";
import type { Worker } from "./worker.ts";
import { internalCall } from "./worker-start.ts";

/** How long a worker may take to answer. */
const PING_MS = 5_000;

/** Asks each worker now, side by side, and says what its answer was. */
export async function checkHealth(
  workers: readonly Worker[],
  minWorkers: number,
  clock: Clock,
): Promise<Omit<PoolHealth, "guards">> {
  const asked = workers.filter(({ phase }) => phase !== "starting");
  const answers = await Promise.all(asked.map((worker) => ask(worker, clock)));
  const healthy = answers.filter(({ status }) => status === "healthy").length;
  const isFull = healthy === answers.length && healthy >= minWorkers;
  return {
    status: isFull ? "healthy" : healthy > 0 ? "degraded" : "unhealthy",
    workers: answers,
  };
}

async function ask(worker: Worker, clock: Clock): Promise<WorkerHealth> {
  const { id, process, connection } = worker;
  const startedMs = clock.now();
  const answer = (status: WorkerHealth["status"], reason?: string): WorkerHealth => ({
    id,
    pid: process?.pid,
    status,
    roundTripMs: status === "healthy" ? clock.now() - startedMs : undefined,
    reason,
  });
  if (connection === undefined) return answer("dead", "it has ended");
  const patience = new AbortController();
  using _timer = clock.startTimer(PING_MS, () => patience.abort());
  using _end = worker.onEnd(() => patience.abort());
  try {
    await unlessAborted(connection.ping(internalCall("health", patience.signal)), patience.signal);
    return answer("healthy");
  } catch (error) {
    if (worker.phase === "stopped") return answer("dead", "it ended before it answered");
    if (patience.signal.aborted) return answer("timeout", `no answer within ${PING_MS} ms`);
    return answer("unhealthy", error instanceof Error ? error.message : String(error));
  }
}

function unlessAborted(pinging: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    pinging.then(resolve, reject);
  });
}
