import type { Call } from "./call.ts";
import { closest, show } from "./check-options.ts";
import { SnakepitError } from "./errors.ts";
import { exitDetails, exitText, lastWords } from "./exit-report.ts";
import type { WorkerExit } from "./launcher.ts";

export function closedError(): SnakepitError<"POOL_CLOSED"> {
  return new SnakepitError("POOL_CLOSED", "the pool is closed or closing; create a new one", {
    outcome: "not-started",
  });
}

/** Says which of several pools it was. What a worker answered, and errors that are not ours, stay. */
export function inPool(name: string, error: unknown): unknown {
  if (!SnakepitError.is(error) || error.constructor !== SnakepitError) return error;
  const { code, outcome, details, message } = error as SnakepitError<string>;
  if (code === "REMOTE" || "pool" in details) return error;
  const text = message.replace(/^\[\w+\] /, "");
  return new SnakepitError<string>(code, `pool ${show(name)}: ${text}`, {
    cause: error,
    outcome,
    details: { ...details, pool: name },
  });
}

/** `state`: `pinned`, or what it is instead of ready. */
export function notRecycledError(
  workerId: string,
  state: string,
): SnakepitError<"NOT_ALLOWED" | "WORKER_BUSY"> {
  if (state !== "pinned") return new SnakepitError("WORKER_BUSY", `worker ${workerId} is ${state}`);
  return new SnakepitError(
    "NOT_ALLOWED",
    `a session keeps something on worker ${workerId} that would be lost; recycle it with --force to lose it`,
  );
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
export function timeoutError(call: Call, nowMs: number): SnakepitError<"TIMEOUT"> {
  const { timeoutMs: limitMs } = call;
  const waitedMs = Math.round(nowMs - call.createdMs);
  const begun = call.isSent;
  const where = begun
    ? `on worker ${call.workerId}, which is asked to stop`
    : "in the queue and was never sent";
  return new SnakepitError(
    "TIMEOUT",
    `${call.command} was not done after ${waitedMs} ms (limit ${limitMs} ms) ${where}; raise timeoutMs if it may take longer`,
    { outcome: begun ? "unknown" : "not-started", details: { timeoutMs: limitMs } },
  );
}

/** Between two chunks of a stream, while its reader waits. */
export function chunkTimeoutError(call: Call, limitMs: number): SnakepitError<"TIMEOUT"> {
  return new SnakepitError(
    "TIMEOUT",
    `${call.command} sent no chunk for ${limitMs} ms on worker ${call.workerId}, which is asked to stop; raise the pool's chunkTimeoutMs if chunks may take longer`,
    { outcome: "unknown", details: { timeoutMs: limitMs } },
  );
}

export function cancelledError(call: Call, why: string): SnakepitError<"CANCELLED"> {
  return new SnakepitError("CANCELLED", `${call.command} was cancelled: ${why}`, {
    outcome: call.isSent ? "unknown" : "not-started",
  });
}

/** It may go on waiting, but its caller would not have it. */
export function queueTimeoutError(call: Call, nowMs: number): SnakepitError<"QUEUE_TIMEOUT"> {
  const { command, queueTimeoutMs: timeoutMs = 0 } = call;
  return new SnakepitError(
    "QUEUE_TIMEOUT",
    `${command} found no free slot in ${Math.round(nowMs - call.createdMs)} ms (queueTimeoutMs ${timeoutMs}) and was never sent; raise maxWorkers or queueTimeoutMs`,
    { outcome: "not-started", details: { timeoutMs } },
  );
}

export function workerBusyError(call: Call, workers: number): SnakepitError<"WORKER_BUSY"> {
  const home = call.affinity === "require" ? call.session?.home : undefined;
  const who =
    home === undefined
      ? `none of ${workers} workers has a free slot`
      : `worker ${home.id}, which the session ${call.session?.id} needs, has no free slot`;
  return new SnakepitError(
    "WORKER_BUSY",
    `${who} for ${call.command}, which does not wait (queueTimeoutMs 0)`,
    { outcome: "not-started", details: { workers } },
  );
}

export function sessionLostError(
  sessionId: string,
  workerId: string,
): SnakepitError<"SESSION_LOST"> {
  return new SnakepitError(
    "SESSION_LOST",
    `session ${sessionId} needs worker ${workerId}, which is gone with all that it kept there; delete the session and build it anew`,
    { outcome: "not-started", details: { sessionId, workerId } },
  );
}

export function sessionEndedError(sessionId: string): SnakepitError<"SESSION_NOT_FOUND"> {
  return new SnakepitError(
    "SESSION_NOT_FOUND",
    `session ${sessionId} has ended; session(${show(sessionId)}) of its pool or bridge opens a new one`,
    { outcome: "not-started", details: { sessionId } },
  );
}

/** What `validate` of a command has thrown, as the caller sees it. */
export function refusedArguments(command: string, cause: unknown): SnakepitError<string> {
  if (SnakepitError.is(cause)) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new SnakepitError("INVALID_ARGUMENT", `the arguments of ${command} are refused: ${text}`, {
    cause,
    outcome: "not-started",
    details: { command },
  });
}

/** The caller of a call that another one has made through the host, when that one has ended. */
export function parentEnded(call: Call, parent: Call, cause: unknown): unknown {
  // What a caller has given as the reason of its abort goes all the way down.
  if (cause !== undefined && !SnakepitError.is(cause)) return cause;
  return new SnakepitError(
    "CANCELLED",
    `${call.command} was cancelled: ${parent.command}, which it served, has ended`,
    { cause, outcome: call.isSent ? "unknown" : "not-started" },
  );
}

/** What a call fails with that has been on a worker before: nobody can say that it never began. */
export function afterAttempt(error: unknown): unknown {
  if (!SnakepitError.is(error)) return error;
  const { code, outcome, details, message } = error as SnakepitError<string>;
  if (outcome !== "not-started") return error;
  const text = message.replace(/^\[\w+\] /, "").replace(" and was never sent", "");
  return new SnakepitError<string>(
    code,
    `${text}; before that its worker was lost while it ran, so that whether it was done is unknown`,
    { cause: error, outcome: "unknown", details },
  );
}

export function sessionDeleted(call: Call): SnakepitError<"CANCELLED"> {
  return new SnakepitError("CANCELLED", `${call.command} was cancelled: its session was deleted`, {
    outcome: call.isSent ? "unknown" : "not-started",
  });
}

export interface QueueView {
  readonly queued: number;
  readonly maxQueue: number;
  readonly workers: number;
  readonly oldestWaitedMs: number;
}

export function queueFullError(view: QueueView): SnakepitError<"QUEUE_FULL"> {
  const { queued, maxQueue, workers, oldestWaitedMs } = view;
  return new SnakepitError(
    "QUEUE_FULL",
    `${queued} calls are waiting for ${workers} busy workers; raise maxWorkers or maxQueue (${maxQueue}), or call less often`,
    {
      outcome: "not-started",
      // Who comes now would wait about as long as the one that is next has waited.
      details: { retryAfterMs: Math.max(100, Math.ceil(oldestWaitedMs)), queued, workers },
    },
  );
}

/** A call that only this worker could have taken, while it was made ready for a session. */
export function workerLeftError(call: Call, workerId: string): SnakepitError<"WORKER_EXITED"> {
  return new SnakepitError(
    "WORKER_EXITED",
    `worker ${workerId} takes no more calls, so that ${call.command} was not sent`,
    { outcome: "not-started", details: { workerId, stderr: "" } },
  );
}

/** A worker that was ready and ended before it had answered anything. */
export function unservedError(
  workerId: string,
  exit: WorkerExit,
  stderr: string,
): SnakepitError<"WORKER_EXITED"> {
  return new SnakepitError(
    "WORKER_EXITED",
    `worker ${workerId} ${exitText(exit)} before it had answered a call${lastWords(stderr)}`,
    { outcome: "not-started", details: { workerId, stderr, ...exitDetails(exit) } },
  );
}

/** `last` is why the latest start failed. */
export function degradedError(
  last: SnakepitError<string> | undefined,
  retryAfterMs: number,
): SnakepitError<"POOL_DEGRADED"> {
  const stderr = String((last?.details as { stderr?: unknown } | undefined)?.stderr ?? "");
  return new SnakepitError(
    "POOL_DEGRADED",
    `workers keep ending before they serve a call; the next start is in ${Math.ceil(retryAfterMs)} ms. Last: ${last?.message ?? "no report"}`,
    {
      cause: last,
      outcome: "not-started",
      details: { reason: "crash-loop", retryAfterMs: Math.ceil(retryAfterMs), stderr },
    },
  );
}

export function circuitError(retryAfterMs: number): SnakepitError<"POOL_DEGRADED"> {
  return new SnakepitError(
    "POOL_DEGRADED",
    `most calls of the last 10 s were lost with their workers, so that new ones are refused; the next one may try in ${Math.ceil(retryAfterMs)} ms`,
    {
      outcome: "not-started",
      details: { reason: "circuit-open", retryAfterMs: Math.ceil(retryAfterMs), stderr: "" },
    },
  );
}
