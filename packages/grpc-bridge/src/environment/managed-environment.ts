import { join } from "node:path";
import { SnakepitError } from "snakepit";
import { wordsOf } from "../error-words.ts";
import { cacheFolder, makeCacheFolder } from "./cache-folder.ts";
import { withFolderLock } from "./folder-lock.ts";
import { findInterpreter } from "./interpreter.ts";
import { makeEnvironment } from "./make-environment.ts";
import { type ProgressListener, printProgress } from "./progress.ts";
import {
  type EnvironmentState,
  inspect,
  inspectThoroughly,
  type ManagedEnvironment,
} from "./ready-marker.ts";
import { setupCommandLine, setupError } from "./setup-error.ts";
import { findShipped, type Shipped, setsWith } from "./shipped.ts";

export interface EnvironmentOptions {
  /** Parts of the Python side beyond the core: "dspy", "grpc". Default: none. */
  readonly extras?: readonly string[];
  /**
   * Make a missing environment. Default: only when standard error is a terminal, because a
   * service should not start to install things.
   */
  readonly autoSetup?: boolean;
  /** Default: each step as a line on standard error. */
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What `setup` knows beyond that. */
export interface MakeOptions extends EnvironmentOptions {
  /** Make it anew although it is there. */
  readonly force?: boolean;
  /** The Python to make it from. Default: the first on PATH that is new enough. */
  readonly python?: string;
  /** Where the wheel and the locks lie. */
  readonly shipped?: string;
}

/**
 * The environment with these extras, made now if it is missing or broken and that is allowed.
 * @throws SnakepitError WORKER_START_FAILED: `adapter-open` when there is none and none may be
 *   made, or making it failed; `not-found` when the machine has no Python that is new enough.
 */
export async function ensureEnvironment(options: MakeOptions = {}): Promise<ManagedEnvironment> {
  const extras = options.extras ?? [];
  const found = await findReady(extras, options);
  if (found.phase === "ready") return found.environment;
  const allowed = options.autoSetup ?? process.stderr.isTTY === true;
  if (!allowed) throw await missingError(extras, found, options);
  return setUp(options);
}

/**
 * Makes the environment, also when the one there cannot import what it should; with `force` makes
 * it anew in any case. One process at a time.
 */
export async function setUp(options: MakeOptions = {}): Promise<ManagedEnvironment> {
  const extras = options.extras ?? [];
  const shipped = findShipped(extras, options.shipped);
  const folder = environmentFolder(shipped);
  makeCacheFolder();
  const onProgress = options.onProgress ?? printProgress;
  const { signal } = options;
  const work = async () => {
    const state = await inspectThoroughly(folder, extras, signal);
    if (state.phase === "ready" && !options.force) return state.environment;
    if (state.phase === "broken") {
      onProgress({ step: "create", message: `making the environment anew, since ${state.why}` });
    }
    await makeEnvironment({ ...options, extras, shipped, folder, onProgress });
    const made = await inspect(folder, extras, signal);
    if (made.phase === "ready") return made.environment;
    const why = made.phase === "broken" ? made.why : "it vanished again";
    throw setupError(
      "adapter-open",
      `the Python environment just made in ${folder} is no good: ${why}`,
    );
  };
  const onWait = () =>
    onProgress({
      step: "wait",
      message: "another process is making this environment; waiting for it",
    });
  return withFolderLock(`${folder}.lock`, work, { signal, onWait });
}

/** With these extras and perhaps more. Broken only if none is ready and the exact one is broken. */
async function findReady(
  extras: readonly string[],
  options: MakeOptions,
): Promise<EnvironmentState> {
  let exact: EnvironmentState | undefined;
  for (const set of setsWith(extras, options.shipped)) {
    const folder = environmentFolder(findShipped(set, options.shipped));
    const state = await inspect(folder, set, options.signal);
    if (state.phase === "ready") return state;
    exact ??= state;
  }
  return exact ?? { phase: "missing" };
}

/**
 * The extras of the managed environment that this interpreter belongs to; undefined for any other
 * Python. Never throws.
 */
export function managedExtras(
  executable: string,
  shippedIn?: string,
): { readonly folder: string; readonly extras: readonly string[] } | undefined {
  try {
    for (const extras of setsWith([], shippedIn)) {
      const folder = environmentFolder(findShipped(extras, shippedIn));
      if (executable === join(folder, "bin", "python")) return { folder, extras };
    }
  } catch {
    // No home folder, or nothing shipped beside the code: then nothing is managed either.
  }
  return undefined;
}

function environmentFolder({ digest }: Shipped): string {
  return join(cacheFolder(), digest);
}

async function missingError(
  extras: readonly string[],
  state: { phase: "missing" } | { phase: "broken"; why: string },
  options: MakeOptions,
): Promise<SnakepitError<"WORKER_START_FAILED">> {
  const command = setupCommandLine(extras);
  const noPython = await pythonProblem(options);
  if (noPython !== undefined) {
    // Both at once: whoever follows the first advice should not meet the second afterwards.
    const message = `${wordsOf(noPython)}; then make the Python environment with \`${command}\``;
    return setupError(noPython.details.reason, message, { stderr: noPython.details.stderr ?? "" });
  }
  const what =
    state.phase === "missing"
      ? `there is no Python environment ${await lacks(extras, options)}; make it once with`
      : `the Python environment cannot be used, since ${state.why}; mend it with`;
  const others = "name your own Python with SNAKEPIT_PYTHON, or pass `python: { autoSetup: true }`";
  return setupError("adapter-open", `${what} \`${command}\` (or ${others})`);
}

/** One without the extras may be there: whoever has made it should not look for it. */
async function lacks(extras: readonly string[], options: MakeOptions): Promise<string> {
  const isOtherReady = extras.length > 0 && (await findReady([], options)).phase === "ready";
  return isOtherReady ? `with ${extras.join(" and ")} yet` : "yet";
}

/** Why no environment could be made with what is installed on this machine. */
async function pythonProblem(
  options: MakeOptions,
): Promise<SnakepitError<"WORKER_START_FAILED"> | undefined> {
  try {
    await findInterpreter(options);
    return undefined;
  } catch (error) {
    if (SnakepitError.is(error, "WORKER_START_FAILED")) return error;
    throw error;
  }
}
