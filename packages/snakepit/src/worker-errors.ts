import type { Adapter } from "./adapter.ts";
import type { Call } from "./call.ts";
import type { CrashCause } from "./crash.ts";
import { SnakepitError, type StartFailure } from "./errors.ts";
import type { StopReason } from "./events.ts";
import { exitDetails, exitText, lastWords } from "./exit-report.ts";
import type { WorkerExit, WorkerProcess } from "./launcher.ts";
import type { WorkerHistory } from "./worker-history.ts";

/** Reasons with which a start is aborted. */
export const startTimeout = Symbol("start timeout");
export const startCancelled = Symbol("start cancelled");

/** The process was gone before its adapter had a connection. */
export class EndedEarly extends Error {
  readonly exit: WorkerExit;
  constructor(exit: WorkerExit) {
    super("the worker ended before it was ready");
    this.exit = exit;
  }
}

export function badConcurrency(given: unknown): SnakepitError<"WORKER_START_FAILED"> {
  return new SnakepitError(
    "WORKER_START_FAILED",
    `the worker offers ${String(given)} slots, which is no positive integer`,
    { outcome: "not-started", details: { reason: "bad-handshake", stderr: "" } },
  );
}

/** Whatever made a start fail, as the one error that its caller sees, with the last words. */
export function startError(
  cause: unknown,
  workerId: string,
  timeoutMs: number,
  child: WorkerProcess | undefined,
  exit: WorkerExit | undefined,
): SnakepitError<string> {
  const stderr = child?.stderrTail() ?? "";
  const failed = (reason: StartFailure, text: string, from?: WorkerExit) =>
    new SnakepitError("WORKER_START_FAILED", `worker ${workerId} ${text}${lastWords(stderr)}`, {
      cause,
      outcome: "not-started",
      details: { reason, stderr, ...exitDetails(from) },
    });
  if (cause === startTimeout) {
    return failed(
      "timeout",
      `was not ready after ${timeoutMs} ms; raise startTimeoutMs if it needs longer`,
    );
  }
  if (cause === startCancelled) return failed("exited", "was stopped while it started");
  if (cause instanceof EndedEarly)
    return failed("exited", `${exitText(cause.exit)} before it was ready`, cause.exit);
  // A launcher or adapter that knows better has said so; but only here the last words are complete.
  if (SnakepitError.is(cause) && stderr === "") return cause;
  if (SnakepitError.is(cause, "WORKER_START_FAILED")) {
    const text = cause.message.replace(/^\[\w+\] /, "");
    return new SnakepitError(
      "WORKER_START_FAILED",
      text.includes(stderr.trim()) ? text : `${text}${lastWords(stderr)}`,
      {
        cause,
        outcome: "not-started",
        details: { ...cause.details, stderr, ...exitDetails(exit) },
      },
    );
  }
  return failed(
    "bad-handshake",
    `could not be connected to: ${cause instanceof Error ? cause.message : String(cause)}`,
  );
}

/** With the adapter's advice, where it has any; the failure as it was is the cause. */
export function withAdvice(
  failure: SnakepitError<string>,
  adapter: Adapter,
): SnakepitError<string> {
  if (!SnakepitError.is(failure, "WORKER_START_FAILED")) return failure;
  const { details, outcome } = failure;
  const advice = adviceOf(adapter, details.stderr);
  if (advice === undefined) return failure;
  return new SnakepitError("WORKER_START_FAILED", advice, { cause: failure, outcome, details });
}

function adviceOf(adapter: Adapter, stderr: string): string | undefined {
  try {
    return adapter.startAdvice?.(stderr);
  } catch {
    // Advice that fails must not hide the failure that it was asked about.
    return undefined;
  }
}

/** How a worker came to its end. */
export interface WorkerEnd {
  readonly workerId: string;
  readonly reason: StopReason;
  readonly exit: WorkerExit;
  readonly cause: CrashCause;
  readonly stderr: string;
  /** What was wrong with its connection or its memory, if that came first. */
  readonly fault: Error | undefined;
  readonly history: WorkerHistory;
}

/** What the callers of a worker get that ended under them. */
export function exitError(call: Call, end: WorkerEnd): SnakepitError<string> {
  const { workerId, reason, exit, cause, stderr, fault, history } = end;
  if (reason === "memory-exceeded" && SnakepitError.is(fault)) return fault;
  const begun = call.isSent;
  const when = begun
    ? `while it ran ${call.command}; whether the work was done is unknown`
    : `while it was made ready for session ${call.session?.id}; ${call.command} was not sent`;
  return new SnakepitError(
    "WORKER_EXITED",
    `worker ${workerId} ${story(end)} ${when}${lastWords(stderr)}`,
    {
      cause: fault,
      outcome: begun ? "unknown" : "not-started",
      details: { workerId, stderr, ...exitDetails(exit), cause, history: history.notes },
    },
  );
}

function story({ reason, exit, fault, cause }: WorkerEnd): string {
  // A frame that ends in the middle follows from a death and does not explain it.
  const failed = exit.kind === "signaled" || (exit.kind === "exited" && exit.code !== 0);
  if (cause === "out-of-memory") return `ran out of memory and ${exitText(exit)}`;
  if (reason === "exited" && failed) return exitText(exit);
  if (fault !== undefined) return `was ended because its connection failed: ${fault.message}`;
  if (reason === "connection-lost") return "lost its connection and was ended";
  if (reason === "cancel-ignored") return "was ended because it ignored a cancel";
  if (reason === "hung") return "was ended because it gave no sign of life";
  if (reason === "restart") return "was ended by restart({ force: true })";
  return exitText(exit);
}
