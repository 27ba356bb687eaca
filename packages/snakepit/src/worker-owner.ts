import type { Correlation, TelemetryReport } from "./adapter.ts";
import type { Call } from "./call.ts";
import type { CrashCause } from "./crash.ts";
import type { StopReason } from "./events.ts";
import type { WorkerExit } from "./launcher.ts";
import type { LogLevel } from "./log-level.ts";
import type { CallEnd } from "./slots.ts";
import type { Worker } from "./worker.ts";

/** The pool, as a worker sees it. */
export interface WorkerOwner {
  /** A slot is free again. */
  freed(worker: Worker, end: CallEnd): void;
  /** It takes no more calls, for ever (`draining`) or until it is heard again (`suspect`). */
  withdrawn(worker: Worker): void;
  /** It was suspect, and has been heard. */
  recovered(worker: Worker): void;
  logged(worker: Worker, level: LogLevel, message: string, correlation?: Correlation): void;
  reported(worker: Worker, report: TelemetryReport): void;
  /** Takes a call back that is to be tried again; false when its caller must be told. */
  retry(call: Call, error: unknown): boolean;
  stopped(worker: Worker, report: StopReport): void;
}

export interface StopReport {
  readonly reason: StopReason;
  readonly exit: WorkerExit;
  readonly cause: CrashCause;
  /** Calls that it had not finished. */
  readonly lostCalls: number;
  /** The last that it wrote to stderr. */
  readonly stderr: string;
}
