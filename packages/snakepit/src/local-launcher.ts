import { spawn } from "node:child_process";
import { once } from "node:events";
import { checkKinds, checkKnownKeys, texts } from "./check-options.ts";
import { SnakepitError } from "./errors.ts";
import { inheritedEnvironment } from "./inherited-environment.ts";
import { runId, startJanitor } from "./janitor.ts";
import type { Launcher, LaunchOptions, WorkerSpec } from "./launcher.ts";
import { type Child, LocalProcess } from "./local-process.ts";
import { startFailed } from "./spawn-failure.ts";

export interface LocalLauncherOptions {
  /**
   * Names of the host's environment variables that workers inherit besides the usual ones (PATH,
   * HOME, LANG, proxies, certificates, …). A `*` at the end stands for any rest. Default: none.
   */
  readonly inheritEnv?: readonly string[];
}

/**
 * Starts workers as processes on this machine, each in its own process group. Nothing of them
 * keeps the host alive, and nothing of them outlives it (see `janitor.ts`).
 * @throws SnakepitError INVALID_OPTIONS; UNSUPPORTED on Windows
 */
export function localLauncher(options: LocalLauncherOptions = {}): Launcher {
  const problems = [
    ...checkKnownKeys("localLauncher", options, ["inheritEnv"]),
    ...checkKinds(options, { inheritEnv: texts }),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  if (process.platform === "win32") {
    throw new SnakepitError(
      "UNSUPPORTED",
      "worker processes need Linux or macOS; on Windows, run this program inside WSL",
    );
  }
  return {
    name: "local",
    async launch(spec, { workerId, signal }) {
      signal.throwIfAborted();
      startJanitor();
      const environment = workerEnvironment(spec, workerId, options.inheritEnv);
      const child = await start(spec, workerId, environment);
      const worker = new LocalProcess(child, spec, workerId);
      if (signal.aborted) {
        await worker.stop({ graceMs: 0 });
        throw signal.reason;
      }
      return worker;
    },
  };
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

/** Resolves with a child that exists; it may already be dead. */
async function start(
  spec: WorkerSpec,
  workerId: string,
  env: Record<string, string>,
): Promise<Child & { readonly pid: number }> {
  let failure: unknown;
  try {
    // A program that sets a parent-death signal could be put in front here.
    const child = spawn(spec.program, spec.args, {
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
