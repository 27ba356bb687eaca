import type { Dispatcher } from "../dispatcher.ts";
import type { PoolStats } from "../pool.ts";
import type { Worker } from "../worker.ts";

/** The numbers of a pool, as they are now. `sessions`: how many are open. */
export function poolStats(dispatcher: Dispatcher, sessions: number): PoolStats {
  const { fleet, queued, watch, circuit } = dispatcher;
  const { ready, starting } = fleet;
  const all = [...fleet.all()].length;
  const { requests, succeeded, failed, retried, errors, affinityHits, affinityMisses } = watch;
  return {
    workers: { starting, ready: ready.length, draining: all - ready.length - starting },
    ...occupancy(ready),
    queued,
    running: fleet.load,
    requests,
    succeeded,
    failed,
    retried,
    errors,
    queueTimeouts: errors["QUEUE_TIMEOUT"] ?? 0,
    saturationRejections: errors["QUEUE_FULL"] ?? 0,
    affinityHits,
    affinityMisses,
    sessions,
    circuit: circuit?.phase ?? "closed",
    commands: watch.commands,
  };
}

function occupancy(
  ready: readonly Worker[],
): Pick<PoolStats, "available" | "busy" | "utilisation"> {
  let [available, busy, used, slots] = [0, 0, 0, 0];
  for (const { load, concurrency } of ready) {
    if (load < concurrency) available++;
    if (load > 0) busy++;
    used += Math.min(load, concurrency); // short commands may be packed beyond the slots
    slots += concurrency;
  }
  return { available, busy, utilisation: slots === 0 ? 0 : used / slots };
}
