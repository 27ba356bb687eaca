import { existsSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { importPromised } from "./installed.ts";

/** A Python with our worker side and everything that it needs, made from what this package ships. */
export interface ManagedEnvironment {
  readonly folder: string;
  readonly executable: string;
  /** Of Python and of the packages that matter: `{ python: "3.12.4", dspy: "3.4.1", … }`. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Written last, into a finished environment. */
interface ReadyMarker {
  readonly versions: Readonly<Record<string, string>>;
  /** The real interpreter behind `bin/python`, as it was: an upgrade of the system replaces it. */
  readonly interpreter: { readonly path: string; readonly mtimeMs: number; readonly size: number };
}

const fileName = "snakepit-ready.json";

export type EnvironmentState =
  | { readonly phase: "ready"; readonly environment: ManagedEnvironment }
  | { readonly phase: "missing" }
  | { readonly phase: "broken"; readonly why: string };

/** Declares the environment finished. `folder` may still be moved. */
export function writeReadyMarker(folder: string, versions: ReadyMarker["versions"]): void {
  const interpreter = interpreterFile(join(folder, "bin", "python"));
  if (interpreter === undefined) throw new Error(`there is no bin/python in ${folder}`);
  const marker: ReadyMarker = { versions, interpreter };
  writeFileSync(join(folder, fileName), `${JSON.stringify(marker, undefined, 2)}\n`);
}

/** Looks at files only, unless the interpreter is not the one that the environment was made with. */
export async function inspect(
  folder: string,
  extras: readonly string[],
  signal: AbortSignal | undefined,
): Promise<EnvironmentState> {
  if (!existsSync(folder)) return { phase: "missing" };
  const marker = readMarker(folder);
  const executable = join(folder, "bin", "python");
  if (marker === undefined) return { phase: "broken", why: "it was only half made" };
  const environment = { folder, executable, versions: marker.versions };
  const then = marker.interpreter;
  const now = interpreterFile(executable);
  if (now === undefined) return { phase: "broken", why: `its Python, ${then.path}, is gone` };
  if (now.path === then.path && now.mtimeMs === then.mtimeMs && now.size === then.size) {
    return { phase: "ready", environment };
  }
  const imported = await importPromised(executable, extras, signal);
  return "versions" in imported
    ? { phase: "ready", environment }
    : { phase: "broken", why: `its Python, ${then.path}, has been replaced by another one` };
}

/** As `inspect`, and asks the interpreter too: files of packages may be gone, or cut off. */
export async function inspectThoroughly(
  folder: string,
  extras: readonly string[],
  signal: AbortSignal | undefined,
): Promise<EnvironmentState> {
  const state = await inspect(folder, extras, signal);
  if (state.phase !== "ready") return state;
  const imported = await importPromised(state.environment.executable, extras, signal);
  return "versions" in imported
    ? state
    : { phase: "broken", why: `it is damaged (${imported.problem})` };
}

/** The file behind `bin/python`, or undefined when the link leads nowhere. */
function interpreterFile(executable: string): ReadyMarker["interpreter"] | undefined {
  if (!existsSync(executable)) return undefined;
  const path = realpathSync(executable);
  const { mtimeMs, size } = statSync(path);
  return { path, mtimeMs, size };
}

function readMarker(folder: string): ReadyMarker | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, fileName), "utf8")) as ReadyMarker;
  } catch {
    // Absent or cut off: the making did not come to its end.
    return undefined;
  }
}
