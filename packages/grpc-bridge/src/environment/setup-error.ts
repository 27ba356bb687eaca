import { SnakepitError, type StartFailure } from "snakepit";
import { wordsOf } from "../error-words.ts";

/** Why no Python can be used, as the error that a failed start of a worker is. */
export function setupError(
  reason: StartFailure,
  message: string,
  options: { readonly stderr?: string; readonly cause?: unknown } = {},
): SnakepitError<"WORKER_START_FAILED"> {
  return new SnakepitError("WORKER_START_FAILED", message, {
    outcome: "not-started",
    cause: options.cause,
    details: { reason, stderr: options.stderr ?? "" },
  });
}

/** The same words with the command of a program that sets up these extras without being told. */
export function inWordsOf(
  program: string,
  extras: readonly string[],
  error: SnakepitError,
): string {
  return wordsOf(error).replaceAll(setupCommandLine(extras), `${program} setup`);
}

/** The command that a person types to make, or to mend, the environment with these extras. */
export function setupCommandLine(extras: readonly string[]): string {
  return `npx snakepit-bridge setup${extras.map((extra) => ` --extra ${extra}`).join("")}`;
}
