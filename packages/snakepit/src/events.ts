import type { Correlation, TelemetryReport } from "./adapter.ts";
import type { CrashCause } from "./crash.ts";
import type { SnakepitError } from "./errors.ts";
import type { WorkerExit } from "./launcher.ts";
import type { LogLevel } from "./log-level.ts";

/** Why a worker was ended, or ended by itself. The first reason stands. */
export type StopReason =
  | "pool-closed"
  | "exited"
  | "connection-lost"
  | "cancel-ignored"
  /** It gave no sign of life. */
  | "hung"
  /** It was above `memoryBytes`. */
  | "memory-exceeded"
  /** Replaced by another: it had served long enough, or used too much memory. */
  | "max-calls"
  | "max-age"
  | "memory"
  | "restart"
  /** Not needed any more. */
  | "idle"
  | "resize";

/** Everything that a pool reports. Closed: one name, one shape, one place that emits it. */
export type PoolEvent =
  /** Only for those who listen to calls: each costs two objects and a look at the clock. */
  | CallEvent
  | SessionEvent
  | StoreEvent
  | {
      readonly name: "pool-ready";
      readonly workers: number;
      readonly startMs: number;
    }
  | { readonly name: "pool-resized"; readonly minWorkers: number; readonly maxWorkers: number }
  /** The queue is full: calls are refused until it has room again. */
  | {
      readonly name: "pool-saturated";
      readonly queued: number;
      readonly maxQueue: number;
      readonly retryAfterMs: number;
    }
  | { readonly name: "pool-closed" }
  | { readonly name: "worker-starting"; readonly workerId: string }
  | { readonly name: "worker-draining"; readonly workerId: string; readonly reason: StopReason }
  | {
      readonly name: "worker-ready";
      readonly workerId: string;
      readonly pid: number | undefined;
      readonly startMs: number;
    }
  | {
      readonly name: "worker-start-failed";
      readonly workerId: string;
      readonly error: SnakepitError<string>;
    }
  | {
      readonly name: "worker-stopped";
      readonly workerId: string;
      readonly reason: StopReason;
      readonly exit: WorkerExit;
      readonly cause: CrashCause;
      /** Calls that it had not finished; they are tried again or got WORKER_EXITED. */
      readonly lostCalls: number;
      /** The last that it wrote to stderr, up to 64 KiB. */
      readonly stderr: string;
    }
  /** It has not answered a ping: no new calls until it is heard again. */
  | { readonly name: "worker-suspect"; readonly workerId: string }
  | { readonly name: "worker-recovered"; readonly workerId: string }
  | {
      readonly name: "worker-log";
      readonly workerId: string;
      readonly level: LogLevel;
      readonly message: string;
      /** Of the call in which it was written, if it was in one that has any. */
      readonly correlation: Correlation | undefined;
    }
  /** The worker has measured something, in its own words. */
  | ({
      readonly name: "worker-telemetry";
      readonly workerId: string;
      /** As that of `worker-log`. */
      readonly correlation: Correlation | undefined;
    } & Omit<TelemetryReport, "correlation">)
  /** The worker has not confirmed a cancel in time: it takes no new calls and will be replaced. */
  | {
      readonly name: "call-abandoned";
      readonly workerId: string;
      readonly callId: string;
      readonly command: string;
    }
  /** Its worker was lost; it is sent again after `delayMs`. */
  | {
      readonly name: "call-retried";
      readonly callId: string;
      readonly command: string;
      /** 2 for the second. */
      readonly attempt: number;
      readonly delayMs: number;
      readonly error: unknown;
    }
  /** Workers keep dying as they start. */
  | { readonly name: "pool-degraded"; readonly error: SnakepitError<string> }
  | { readonly name: "pool-recovered" }
  /** Processes that a host, now dead, had left behind were found and ended. */
  | { readonly name: "orphans-ended"; readonly pids: readonly number[] }
  /** Most calls are lost with their workers: new ones are refused. */
  | { readonly name: "circuit-opened"; readonly retryAfterMs: number }
  | { readonly name: "circuit-closed" };

export type CallEvent =
  /** Told on the stack of the caller. */
  | {
      readonly name: "call-submitted";
      readonly callId: string;
      readonly command: string;
      readonly isStream: boolean;
      readonly sessionId: string | undefined;
      /** The call on whose behalf the host makes this one. */
      readonly parentCallId: string | undefined;
      /** As its caller has given it, or that of the call that it serves. */
      readonly correlationId: string | undefined;
    }
  /** A worker has taken it; once for each attempt. */
  | {
      readonly name: "call-started";
      readonly callId: string;
      readonly command: string;
      readonly workerId: string;
      /** Since it was submitted. */
      readonly queuedMs: number;
    }
  /** Its caller has been answered. */
  | {
      readonly name: "call-ended";
      readonly callId: string;
      readonly command: string;
      readonly isStream: boolean;
      readonly sessionId: string | undefined;
      /** undefined: no worker has taken it. */
      readonly workerId: string | undefined;
      readonly queuedMs: number;
      /** On a worker, in the last attempt; 0 when none has taken it. */
      readonly runMs: number;
      readonly chunks: number;
      readonly error: unknown;
      /** Of the error: its code, or `ABORTED` when the caller's own signal ended the call. */
      readonly code: string | undefined;
    };

export type SessionEvent =
  | { readonly name: "session-created"; readonly sessionId: string }
  /** It is known to the store from before: from another host, or an earlier run of this one. */
  | { readonly name: "session-resumed"; readonly sessionId: string }
  /** Its worker is another now; `from` is gone or had no room. */
  | {
      readonly name: "session-moved";
      readonly sessionId: string;
      readonly from: string;
      readonly to: string;
    }
  | { readonly name: "session-expired"; readonly sessionId: string }
  | { readonly name: "session-deleted"; readonly sessionId: string }
  /** What the session kept on that worker went with it. */
  | { readonly name: "session-lost"; readonly sessionId: string; readonly workerId: string }
  /** Four fifths of the sessions that the store may hold are there. */
  | {
      readonly name: "session-quota-warning";
      readonly sessions: number;
      readonly maxSessions: number;
    };

export type StoreEvent =
  /** Calls that need the store fail until it answers again; others go on. */
  | { readonly name: "store-unavailable"; readonly store: string; readonly error: unknown }
  | { readonly name: "store-recovered"; readonly store: string };

export type PoolEventName = PoolEvent["name"];
export type PoolEventOf<Name extends PoolEventName | "*"> = Name extends "*"
  ? PoolEvent
  : Extract<PoolEvent, { name: Name }>;

/** All of them, for whoever follows each by its name. */
export const eventNames = [
  "call-submitted",
  "call-started",
  "call-ended",
  "session-created",
  "session-resumed",
  "session-moved",
  "session-expired",
  "session-deleted",
  "session-quota-warning",
  "store-unavailable",
  "store-recovered",
  "pool-ready",
  "pool-resized",
  "pool-saturated",
  "pool-closed",
  "worker-starting",
  "worker-draining",
  "worker-ready",
  "worker-start-failed",
  "worker-stopped",
  "worker-log",
  "worker-telemetry",
  "worker-suspect",
  "worker-recovered",
  "call-abandoned",
  "call-retried",
  "session-lost",
  "pool-degraded",
  "pool-recovered",
  "orphans-ended",
  "circuit-opened",
  "circuit-closed",
] as const satisfies readonly PoolEventName[];

/** As it is published on `snakepit:<name>` of `node:diagnostics_channel`, for all pools together. */
export type PublishedEvent<Name extends PoolEventName = PoolEventName> = PoolEventOf<Name> & {
  /** The pool's name, or `pool-<number>` of one that has none. */
  readonly pool: string;
};
