import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findProgram } from "./find-program.ts";

/** A program that answers its version takes milliseconds; this one would be of no use. */
const PROBE_MS = 5_000;
const options = ["--pdeathsig", "KILL", "--"] as const;

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

let setpriv: string | undefined;
let probing: Promise<void> | undefined;

/**
 * The same program, which the kernel now kills when its parent ends: also one that never looks at
 * its stdin, because we did not write it. `setpriv` sets that signal and becomes the program, so
 * pid and process group stay. The same command where there is no such `setpriv`, or no such
 * program: then starting it tells why.
 *
 * To the kernel the parent is the thread that started it. A `worker_threads` thread therefore
 * takes its workers with it when only the thread ends.
 */
export async function withParentDeathSignal(
  { program, args }: Command,
  where: { readonly cwd?: string; readonly path?: string },
): Promise<Command> {
  probing ??= probe();
  await probing;
  if (setpriv === undefined) return { program, args };
  const file = findProgram(program, where);
  return file === undefined
    ? { program, args }
    : { program: setpriv, args: [...options, file, ...args] };
}

/** What the next worker gets; "unavailable" also before the first one. */
export function parentDeathSignal(): "setpriv" | "unavailable" {
  return setpriv === undefined ? "unavailable" : "setpriv";
}

/** Asked of the program itself, since busybox has a `setpriv` without the option. */
async function probe(): Promise<void> {
  if (process.platform !== "linux") return;
  const path = `${process.env["PATH"] ?? ""}:/usr/bin:/bin`;
  const file = findProgram("setpriv", { cwd: "/", path });
  if (file === undefined) return;
  try {
    const check = [...options, file, "--version"];
    await promisify(execFile)(file, check, { cwd: "/", env: {}, timeout: PROBE_MS });
    setpriv = file;
  } catch (error) {
    // It has said no. Anything else (no descriptor or process is left) may be over next time.
    const saidNo = typeof (error as { code?: unknown }).code === "number";
    if (!saidNo) probing = undefined;
  }
}
