import { constants } from "node:fs";
import { access, open, stat } from "node:fs/promises";
import { resolve } from "node:path";

/** Where the system looks when there is no PATH at all. */
const usualPath = "/bin:/usr/bin";
/** Linux reads no more of a first line. */
const FIRST_LINE_BYTES = 256;

/**
 * The file that the system would run for `program`: looked for as `execvp` does, beginning in
 * `cwd`. undefined when it would not run any; starting it all the same tells why.
 */
export async function findProgram(
  program: string,
  { cwd = "", path = usualPath }: { readonly cwd?: string; readonly path?: string },
): Promise<string | undefined> {
  // An empty entry of PATH means the working directory.
  const folders = program.includes("/") ? [""] : path.split(":");
  for (const folder of folders) {
    const candidate = resolve(cwd, folder, program);
    if (await isRunnable(candidate, cwd)) return candidate;
  }
  return undefined;
}

async function isRunnable(file: string, cwd: string): Promise<boolean> {
  try {
    if (!(await stat(file)).isFile()) return false;
    await access(file, constants.X_OK);
    const interpreter = await interpreterOf(file);
    if (interpreter !== undefined) await access(resolve(cwd, interpreter), constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not for us
  }
}

/** The program that a script names in its first line, `#!/usr/bin/env ruby`. */
async function interpreterOf(file: string): Promise<string | undefined> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(file);
  } catch (error) {
    // A binary that may be run and not read. Anything else (no descriptor is left) is for the caller.
    if ((error as NodeJS.ErrnoException).code === "EACCES") return undefined;
    throw error;
  }
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(FIRST_LINE_BYTES));
    const start = buffer.toString("latin1", 0, bytesRead);
    return /^#![ \t]*([^ \t\n]+)/.exec(start)?.[1];
  } finally {
    await handle.close();
  }
}
