import type { ConnectOptions, TelemetryReport } from "./adapter.ts";
import { logLevelOf } from "./log-level.ts";
import type { Worker } from "./worker.ts";
import { WorkerLogs } from "./worker-logs.ts";
import type { WorkerOwner } from "./worker-owner.ts";

/** What the adapter hears of a worker, on its way to the owner: without secrets, and in bounds. */
export function hearsFor(
  worker: Worker,
  owner: WorkerOwner,
): Pick<ConnectOptions, "log" | "telemetry"> {
  const { redaction } = worker;
  // Twice what our own adapters let through, so that it is theirs that reports what was dropped.
  const logs = new WorkerLogs(
    worker.id,
    ({ level, message, correlation }) =>
      owner.logged(worker, logLevelOf(level), redaction.text(message), correlation),
    2,
  );
  return {
    log: (level, message, correlation) => logs.add(level, message, correlation),
    telemetry: (report) => owner.reported(worker, redaction.value(report) as TelemetryReport),
  };
}
