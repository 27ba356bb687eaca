import { homedir } from "node:os";
import { join } from "node:path";
import type { SnakepitError } from "snakepit";
import { withFolderLock } from "./folder-lock.ts";
import { makeEnvironment } from "./make-environment.ts";
import { type ProgressListener, printProgress } from "./progress.ts";
import { type EnvironmentState, inspect, type ManagedEnvironment } from "./ready-marker.ts";
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
  if (!allowed) throw missingError(extras, found);
  return setUp(options);
}

/** Makes the environment, or with `force` makes it anew; one process at a time. */
export async function setUp(options: MakeOptions = {}): Promise<ManagedEnvironment> {
  const shipped = findShipped(options.extras ?? [], options.shipped);
  const folder = environmentFolder(shipped);
  const onProgress = options.onProgress ?? printProgress;
  const { signal } = options;
  const work = async () => {
    const state = await inspect(folder, signal);
    if (state.phase === "ready" && !options.force) return state.environment;
    if (state.phase === "broken") {
      onProgress({ step: "create", message: `making the environment anew, since ${state.why}` });
    }
    await makeEnvironment({ ...options, shipped, folder, onProgress });
    const made = await inspect(folder, signal);
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
    const state = await inspect(
      environmentFolder(findShipped(set, options.shipped)),
      options.signal,
    );
    if (state.phase === "ready") return state;
    exact ??= state;
  }
  return exact ?? { phase: "missing" };
}

function environmentFolder({ digest }: Shipped): string {
  return join(cacheFolder(), digest);
}

function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base?.startsWith("/") ? base : join(homedir(), ".cache"), "snakepit-bridge");
}

function missingError(
  extras: readonly string[],
  state: { phase: "missing" } | { phase: "broken"; why: string },
): SnakepitError<"WORKER_START_FAILED"> {
  const what =
    state.phase === "missing"
      ? "there is no Python environment yet; make it once with"
      : `the Python environment cannot be used, since ${state.why}; mend it with`;
  const others = "name your own Python with SNAKEPIT_PYTHON, or pass `autoSetup: true`";
  return setupError("adapter-open", `${what} \`${setupCommandLine(extras)}\` (or ${others})`);
}
