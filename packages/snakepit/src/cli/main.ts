#!/usr/bin/env node
import { CommanderError } from "commander";
import { commandLine } from "./command-line.ts";
import { CommandFailure, exitCodes } from "./failure.ts";

// `snakepit trace w1 | head`: who reads no more has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(exitCodes.done);
});

try {
  await commandLine().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

/** Whatever is wrong is one sentence on stderr; what commander finds, it has said itself. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  }
  const sentence = error instanceof Error ? error.message : String(error);
  process.stderr.write(`snakepit: ${sentence}\n`);
  return error instanceof CommandFailure ? error.exitCode : exitCodes.failed;
}
