import { constants } from "node:os";
import { SnakepitError } from "./errors.ts";
import { endSignals } from "./signals.ts";
import { startTimer } from "./timer.ts";

/** How long a script may take to end after it was asked to. */
const GRACE_MS = 10_000;

export interface Script {
  /** Aborts when the script should end: a signal has come, or nobody reads its output any more. */
  readonly signal: AbortSignal;
}

/**
 * Runs a script that uses pools: ends in good order on Ctrl-C, SIGTERM and a closed terminal, and
 * quietly when its output is piped into something that has seen enough. Its pools belong in
 * `await using` or `try … finally`; what it throws is printed, and the exit code says how it went.
 *
 * Exit codes: 0; 1 after an error; 128 + the number of the signal that ended it.
 */
export async function runScript(main: (script: Script) => void | Promise<void>): Promise<void> {
  const end = new End();
  try {
    await main({ signal: end.signal });
  } catch (error) {
    // What an abort brings about is no news.
    if (!end.signal.aborted) {
      console.error(error instanceof Error ? explained(error) : error);
      process.exitCode = 1;
    }
  } finally {
    end.stopListening();
    if (end.exitCode !== undefined) process.exitCode = end.exitCode;
  }
}

/** Our own errors say all there is to say; the stack of any other is what is asked for first. */
function explained(error: Error): string {
  return SnakepitError.is(error) ? error.message : (error.stack ?? error.message);
}

/** Hears of everything that should end the script. */
class End {
  readonly #controller = new AbortController();
  /** Undefined while nothing has ended it. */
  exitCode: number | undefined;

  constructor() {
    for (const signal of endSignals) process.on(signal, this.#onSignal);
    for (const output of [process.stdout, process.stderr]) output.on("error", this.#onError);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The outputs stay heard: a broken pipe may be reported after the script has ended. */
  stopListening(): void {
    for (const signal of endSignals) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    const code = 128 + constants.signals[signal];
    if (this.exitCode !== undefined) process.exit(code); // asked twice
    this.#end(code, `the script was asked to end (${signal})`);
  };

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== "EPIPE") throw error;
    this.#end(0, "nobody reads the output of the script any more");
  };

  #end(exitCode: number, why: string): void {
    if (this.exitCode !== undefined) return;
    this.exitCode = exitCode;
    this.#controller.abort(new SnakepitError("CANCELLED", why, { outcome: "unknown" }));
    startTimer(GRACE_MS, () => process.exit(exitCode));
  }
}
