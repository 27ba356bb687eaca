import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { resolve } from "node:path";

/** Where the system looks when there is no PATH at all. */
const usualPath = "/bin:/usr/bin";
/** Linux reads no more of a first line. */
const FIRST_LINE_BYTES = 256;

/**
 * The file that the system would run for `program`: looked for as `execvp` does, beginning in
 * `cwd`. undefined when it would not run any; starting it all the same tells why. Looks at once, as
 * the start that follows does too.
 */
export function findProgram(
  program: string,
  { cwd = "", path = usualPath }: { readonly cwd?: string; readonly path?: string },
): string | undefined {
  // An empty entry of PATH means the working directory.
  const folders = program.includes("/") ? [""] : path.split(":");
  for (const folder of folders) {
    const candidate = resolve(cwd, folder, program);
    if (isRunnable(candidate, cwd)) return candidate;
  }
  return undefined;
}

function isRunnable(file: string, cwd: string): boolean {
  try {
    if (!statSync(file).isFile()) return false;
    accessSync(file, constants.X_OK);
    const interpreter = interpreterOf(file);
    if (interpreter !== undefined) accessSync(resolve(cwd, interpreter), constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not for us
  }
}

/** The program that a script names in its first line, `#!/usr/bin/env ruby`. */
function interpreterOf(file: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch (error) {
    // A binary that may be run and not read. Anything else (no descriptor is left) is for the caller.
    if ((error as NodeJS.ErrnoException).code === "EACCES") return undefined;
    throw error;
  }
  try {
    const start = Buffer.alloc(FIRST_LINE_BYTES);
    const bytes = readSync(descriptor, start);
    return /^#![ \t]*([^ \t\n]+)/.exec(start.toString("latin1", 0, bytes))?.[1];
  } finally {
    closeSync(descriptor);
  }
}
