import { spawn } from "node:child_process";
import { once } from "node:events";
import { callback, checkKinds, checkKnownKeys, text, texts } from "../check-options.ts";
import { SnakepitError } from "../errors.ts";
import { holding } from "../hold.ts";
import type { Launcher, LaunchOptions, WorkerProcess, WorkerSpec } from "../launcher.ts";
import { inheritedEnvironment } from "./inherited-environment.ts";
import { runId, startJanitor } from "./janitor.ts";
import { type Child, LocalProcess } from "./local-process.ts";
import { type OrphanSweep, sweepOnce } from "./orphans.ts";
import { type Command, withParentDeathSignal } from "./parent-death.ts";
import { processGuards } from "./process-guards.ts";
import { RunRegistry } from "./run-registry.ts";
import { startFailed } from "./spawn-failure.ts";

export interface LocalLauncherOptions {
  /**
   * Names of the host's environment variables that workers inherit besides the usual ones (PATH,
   * HOME, LANG, proxies, certificates, …). A `*` at the end stands for any rest. Default: none.
   */
  readonly inheritEnv?: readonly string[];
  /**
   * Where running workers are written down, so that the next start finds what a killed host and
   * its killed janitor left behind. Must be this user's alone (mode 700); made where it is missing.
   * Several programs may share it. Default: `$XDG_STATE_HOME/snakepit`, or
   * `~/.local/state/snakepit`, or a folder of this user in the directory for temporary files.
   */
  readonly stateDirectory?: string;
  /** Told once, soon after the first start, when processes of a dead host were found and ended. */
  readonly onOrphans?: (sweep: OrphanSweep) => void;
}

const kinds = { inheritEnv: texts, stateDirectory: text, onOrphans: callback };

/**
 * Starts workers as processes on this machine, each in its own process group. Nothing of them
 * keeps the host alive, and nothing of them outlives it (docs/processes.md tells by which guards).
 * @throws SnakepitError INVALID_OPTIONS; UNSUPPORTED on Windows
 */
export function localLauncher(options: LocalLauncherOptions = {}): Launcher {
  const problems = [
    ...checkKnownKeys("localLauncher", options, Object.keys(kinds)),
    ...checkKinds(options, kinds),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  if (process.platform === "win32") {
    throw new SnakepitError(
      "UNSUPPORTED",
      "worker processes need Linux or macOS; on Windows, run this program inside WSL",
    );
  }
  const registry = new RunRegistry(options.stateDirectory);
  return {
    name: "local",
    launch: (spec, launchOptions) => holding(launch(spec, launchOptions, options, registry)),
    guards: processGuards,
  };
}

async function launch(
  spec: WorkerSpec,
  { workerId, signal }: LaunchOptions,
  { inheritEnv, stateDirectory, onOrphans }: LocalLauncherOptions,
  registry: RunRegistry,
): Promise<WorkerProcess> {
  signal.throwIfAborted();
  startJanitor();
  // Beside the start, which should not wait for the past.
  void sweepOnce(stateDirectory).then((sweep) => tell(onOrphans, sweep));
  const environment = workerEnvironment(spec, workerId, inheritEnv);
  const [command] = await Promise.all([guarded(spec, environment), registry.open()]);
  signal.throwIfAborted();
  const child = await start(command, spec, workerId, environment);
  const worker = new LocalProcess(child, spec, workerId);
  registry.add(worker.pid);
  if (signal.aborted) {
    await worker.stop({ graceMs: 0 });
    throw signal.reason;
  }
  return worker;
}

function tell(listener: LocalLauncherOptions["onOrphans"], sweep: OrphanSweep): void {
  if (sweep.ended.length === 0) return;
  try {
    listener?.(sweep);
  } catch (error) {
    // Nobody awaits the sweep, and a worker must not fail because of a listener.
    process.emitWarning(`onOrphans has thrown: ${String(error)}`);
  }
}

function workerEnvironment(
  spec: WorkerSpec,
  workerId: LaunchOptions["workerId"],
  inheritEnv: readonly string[] | undefined,
): Record<string, string> {
  return {
    ...inheritedEnvironment(process.env, inheritEnv),
    ...spec.env,
    SNAKEPIT_RUN: runId,
    // For a worker that checks whether its host still lives. Read by the worker itself it could
    // already be the number of the process that has adopted it.
    SNAKEPIT_OWNER_PID: String(process.pid),
    SNAKEPIT_WORKER_ID: workerId,
  };
}

function guarded(spec: WorkerSpec, { PATH }: Record<string, string>): Promise<Command> {
  return withParentDeathSignal(spec, {
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    ...(PATH === undefined ? {} : { path: PATH }),
  });
}

/** Resolves with a child that exists; it may already be dead. */
async function start(
  { program, args }: Command,
  spec: WorkerSpec,
  workerId: string,
  env: Record<string, string>,
): Promise<Child & { readonly pid: number }> {
  let failure: unknown;
  try {
    const child = spawn(program, args, {
      env,
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      // A session and process group of its own: Ctrl-C goes to the host alone, which then decides,
      // and a signal to the group reaches whatever the worker has started.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    if (isStarted(child)) return child;
    [failure] = await once(child, "error");
  } catch (error) {
    failure = error; // too many or impossible arguments, no memory
  }
  throw startFailed(failure, spec, workerId, env);
}

function isStarted(child: Child): child is Child & { readonly pid: number } {
  return child.pid !== undefined;
}
