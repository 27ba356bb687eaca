import { closest, show, withArticle } from "../check-options.ts";
import { type ErrorCode, SnakepitError, type StartFailure } from "../errors.ts";
import { exitDetails, exitText, lastWords } from "../exit-report.ts";
import type { WorkerExit, WorkerProcess } from "../launcher.ts";
import { isWellFormed, refusals } from "../wire/refusal.ts";
import { remoteError } from "../wire/remote-error.ts";

/** Whether the call had left when its worker was lost. */
export type LostOutcome = "not-started" | "unknown";

export function unknownCommandText(command: string, commands: Iterable<string>): string {
  const match = closest(command, commands);
  const help = match === undefined ? `it has ${[...commands].join(", ")}` : `meant ${match}?`;
  return `the worker has no command ${show(command)}; ${help}`;
}

function unknownCommand(
  command: string,
  commands: Iterable<string>,
): SnakepitError<"UNKNOWN_COMMAND"> {
  return new SnakepitError("UNKNOWN_COMMAND", unknownCommandText(command, commands), {
    outcome: "not-started",
    details: { command, closest: closest(command, commands) },
  });
}

/** @throws SnakepitError when the worker cannot know this command, or cannot be told its name */
export function checkCommand(command: string, commands: ReadonlySet<string> | "any"): void {
  if (commands !== "any") {
    if (!commands.has(command)) throw unknownCommand(command, commands);
  } else if (!isWellFormed(command)) {
    const { type, fix } = refusals.loneSurrogate;
    throw new SnakepitError(
      "SERIALIZATION",
      `the command: cannot send ${withArticle(type)}; ${fix}`,
      {
        outcome: "not-started",
        details: { path: "command", type },
      },
    );
  }
}

/** Workers in other languages may spell this type as they like. */
const unknownCommandType = /^unknown[ _-]?command(error)?$/i;

/** The `error` of a reply, whatever the worker has put there. */
export function replyError(error: unknown, command: string, workerId: string): Error {
  if (typeof error === "string") return remoteError({ message: error }, command, workerId);
  const { type, code } = (error ?? {}) as { readonly type?: unknown; readonly code?: unknown };
  if (code === undefined && typeof type === "string" && unknownCommandType.test(type)) {
    return remoteError(
      { ...(error as object), code: "UNKNOWN_COMMAND" satisfies ErrorCode, begun: false },
      command,
      workerId,
    );
  }
  return remoteError(error, command, workerId);
}

/** A worker that did not become ready, with its last words. */
export function startFailed(
  process: WorkerProcess,
  reason: StartFailure,
  what: string,
  exit?: WorkerExit,
): SnakepitError<"WORKER_START_FAILED"> {
  const stderr = process.stderrTail();
  return new SnakepitError(
    "WORKER_START_FAILED",
    `worker ${process.workerId} (${process.label}) ${what}${lastLines(stderr)}`,
    { outcome: "not-started", details: { reason, ...exitDetails(exit), stderr } },
  );
}

/** A worker that went while it had calls, or that is asked although it has gone. */
export function workerLost(
  process: WorkerProcess,
  command: string,
  exit: WorkerExit | undefined,
  outcome: LostOutcome,
): SnakepitError<"WORKER_EXITED"> {
  const { workerId } = process;
  const stderr = process.stderrTail();
  const what = exit === undefined ? "lost its connection" : exitText(exit);
  const when = outcome === "not-started" ? "before it was given" : "while it ran";
  return new SnakepitError(
    "WORKER_EXITED",
    `worker ${workerId} ${what} ${when} ${command}${lastLines(stderr)}`,
    { outcome, details: { workerId, ...exitDetails(exit), stderr } },
  );
}

function lastLines(stderr: string): string {
  return lastWords(stderr) || "; it wrote nothing to stderr";
}
