import type { Call } from "./call.ts";
import { closest, show } from "./check-options.ts";
import { SnakepitError } from "./errors.ts";

export function closedError(): SnakepitError<"POOL_CLOSED"> {
  return new SnakepitError("POOL_CLOSED", "the pool is closed or closing; create a new one", {
    outcome: "not-started",
  });
}

export function openError(adapter: string, cause: unknown): SnakepitError<string> {
  if (SnakepitError.is(cause)) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new SnakepitError(
    "WORKER_START_FAILED",
    `the adapter ${adapter} could not open: ${text}`,
    {
      cause,
      outcome: "not-started",
      details: { reason: "adapter-open", stderr: "" },
    },
  );
}

export function badGrace(given: unknown): SnakepitError {
  return new SnakepitError(
    "INVALID_ARGUMENT",
    `graceMs must be a number of milliseconds, 0 or more, not ${show(given)}`,
    { outcome: "not-started" },
  );
}

export function noCommand(given: unknown): SnakepitError {
  return new SnakepitError(
    "INVALID_ARGUMENT",
    `the command must be a string that is not empty, not ${show(given)}`,
    { outcome: "not-started" },
  );
}

export function unknownCommand(command: string, known: readonly string[]): SnakepitError {
  const near = closest(command, known);
  const hint = near === undefined ? `known are ${known.join(", ")}` : `did you mean ${near}?`;
  return new SnakepitError("UNKNOWN_COMMAND", `no command ${JSON.stringify(command)}; ${hint}`, {
    outcome: "not-started",
  });
}

export function cannotStream(adapter: string, command: string): SnakepitError {
  return new SnakepitError(
    "UNSUPPORTED",
    `${adapter} workers cannot stream ${command}; use execute`,
    {
      outcome: "not-started",
    },
  );
}

/** `limitMs` is the one that was passed: the call's own, or the wait for a chunk. */
export function timeoutError(call: Call, limitMs: number): SnakepitError<"TIMEOUT"> {
  const waitedMs = Math.round(performance.now() - call.createdMs);
  const begun = call.workerId !== undefined;
  const where = begun
    ? `on worker ${call.workerId}, which is asked to stop`
    : "in the queue, and was never sent";
  return new SnakepitError(
    "TIMEOUT",
    `${call.command} had no answer after ${waitedMs} ms (limit ${limitMs} ms) ${where}; raise timeoutMs if it may take longer`,
    { outcome: begun ? "unknown" : "not-started", details: { timeoutMs: limitMs } },
  );
}

export function cancelledError(call: Call, why: string): SnakepitError<"CANCELLED"> {
  return new SnakepitError("CANCELLED", `${call.command} was cancelled: ${why}`, {
    outcome: "unknown",
  });
}

export interface QueueView {
  readonly queued: number;
  readonly maxQueue: number;
  readonly workers: number;
  readonly oldest: Call | undefined;
}

export function queueFullError(view: QueueView): SnakepitError<"QUEUE_FULL"> {
  const { queued, maxQueue, workers, oldest } = view;
  // Who comes now would wait about as long as the one that is next has waited.
  const waitedMs = oldest === undefined ? 0 : performance.now() - oldest.createdMs;
  return new SnakepitError(
    "QUEUE_FULL",
    `${queued} calls are waiting for ${workers} busy workers; raise maxWorkers or maxQueue (${maxQueue}), or call less often`,
    {
      outcome: "not-started",
      details: { retryAfterMs: Math.max(100, Math.ceil(waitedMs)), queued, workers },
    },
  );
}

/** `last` is why the latest start failed. */
export function degradedError(
  last: SnakepitError<string> | undefined,
  retryAfterMs: number,
): SnakepitError<"POOL_DEGRADED"> {
  const stderr = SnakepitError.is(last, "WORKER_START_FAILED") ? last.details.stderr : "";
  return new SnakepitError(
    "POOL_DEGRADED",
    `workers keep ending before they serve a call; the next start is in ${Math.ceil(retryAfterMs)} ms. Last: ${last?.message ?? "no report"}`,
    {
      cause: last,
      outcome: "not-started",
      details: { retryAfterMs: Math.ceil(retryAfterMs), stderr },
    },
  );
}
