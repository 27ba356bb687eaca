import process from "node:process";

/** Why the program ends before its story does, and the exit code that says so. */
export class Ending extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Aborts, with an `Ending` as its reason, on Ctrl-C and its relatives and when nobody reads the
 * output any more. A second Ctrl-C ends the program on the spot; the workers notice that by
 * themselves.
 */
export function endingSignal(): AbortSignal {
  const controller = new AbortController();
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const [name, exitCode] of Object.entries(signals)) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(exitCode);
      controller.abort(new Ending(exitCode, "Stopped. Nothing is left running."));
    });
  }
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // `| head -1` has what it wanted: that is no failure.
      const [exitCode, message] =
        error.code === "EPIPE" ? [0, ""] : [1, `The output cannot be written: ${error.message}`];
      controller.abort(new Ending(exitCode, message));
    });
  }
  return controller.signal;
}

/** One sentence for people: what happened and what to do, without code and stack. */
export function sentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [first = ""] = message.replace(/^\[[A-Z_]+\] /, "").split("\n", 1);
  return first;
}
