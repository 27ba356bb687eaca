import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { checkKinds, checkKnownKeys, texts } from "./check-options.ts";
import { SnakepitError, type StartFailure } from "./errors.ts";
import { graceTimer } from "./grace-timer.ts";
import { holding } from "./hold.ts";
import { inheritedEnvironment } from "./inherited-environment.ts";
import { forgetGroup, guardGroup, runId, startJanitor } from "./janitor.ts";
import type {
  Endpoint,
  Launcher,
  LaunchOptions,
  WorkerExit,
  WorkerProcess,
  WorkerSpec,
} from "./launcher.ts";
import { OutputTail, TAIL_BYTES } from "./output-tail.ts";
import { groupGone, killGroup } from "./process-group.ts";
import { startTimer } from "./timer.ts";

/**
 * How long after a worker's exit its last output may still arrive. Normally it is there at once;
 * a grandchild that holds the pipe open must not delay the news for longer.
 */
const LAST_WORDS_MS = 50;
/** A process that survives SIGKILL for so long hangs inside the kernel; nobody can end it. */
const UNKILLABLE_MS = 10_000;

export interface LocalLauncherOptions {
  /**
   * Names of the host's environment variables that workers inherit besides the usual ones (PATH,
   * HOME, LANG, proxies, certificates, …). A `*` at the end stands for any rest. Default: none.
   */
  readonly inheritEnv?: readonly string[];
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

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

function startFailed(
  cause: unknown,
  spec: WorkerSpec,
  workerId: string,
  env: Record<string, string>,
): SnakepitError<"WORKER_START_FAILED"> {
  const { reason, text } = explain(cause, spec, env["PATH"]);
  return new SnakepitError("WORKER_START_FAILED", `worker ${workerId}: ${text}`, {
    cause,
    outcome: "not-started",
    details: { reason, stderr: "" },
  });
}

/** The system says ENOENT for four different things. */
function explain(
  cause: unknown,
  { program, cwd }: WorkerSpec,
  path: string | undefined,
): { reason: StartFailure; text: string } {
  const code = (cause as { code?: unknown } | null)?.code;
  if (code === "ENOENT" && cwd !== undefined && !existsSync(cwd)) {
    return { reason: "not-found", text: `its working directory ${cwd} does not exist` };
  }
  if (code === "ENOENT" && !program.includes("/")) {
    const searched = path === undefined ? "there is no PATH" : `PATH is ${path}`;
    return {
      reason: "not-found",
      text: `no program "${program}" was found (${searched}); install it or give its full path`,
    };
  }
  if (code === "ENOENT" && existsSync(resolve(cwd ?? "", program))) {
    return {
      reason: "not-found",
      text: `${program} exists, but not the interpreter that its first line names`,
    };
  }
  if (code === "ENOENT") {
    return { reason: "not-found", text: `there is no program ${program}` };
  }
  if (code === "EACCES") {
    return {
      reason: "not-found",
      text: `${program} is there, but may not be executed; try chmod +x`,
    };
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return { reason: "exited", text: `${program} could not be started: ${message}` };
}

class LocalProcess implements WorkerProcess {
  readonly workerId: string;
  readonly pid: number;
  readonly endpoint: Endpoint;
  readonly label: string;
  readonly exited: Promise<WorkerExit>;
  readonly #child: Child;
  readonly #stderr = new OutputTail();
  /** Only of a worker that dials: elsewhere stdout belongs to the connection. */
  readonly #stdout = new OutputTail();
  #reportExit!: (exit: WorkerExit) => void;
  #phase: "running" | "stopping" | "gone" = "running";

  constructor(child: Child & { readonly pid: number }, spec: WorkerSpec, workerId: string) {
    this.workerId = workerId;
    this.pid = child.pid;
    this.label = `pid ${child.pid}`;
    this.#child = child;
    guardGroup(child.pid);
    this.exited = new Promise((report) => {
      this.#reportExit = report;
    });
    child.once("exit", (code, signal) => this.#onExit(code, signal));
    // A signal that could not be sent. Whether the worker ends shows in its exit event.
    child.on("error", () => {});
    const { stdin, stdout, stderr } = child;
    for (const stream of [stdin, stdout, stderr]) {
      // A broken pipe means a dead worker, and of that the exit event tells more.
      stream.on("error", () => {});
      // Sockets, whatever the types say. Here once and for ever: `hold.ts` keeps the loop alive.
      (stream as Readable as Socket).unref();
    }
    child.unref();
    // Always read: a worker whose output nobody reads stops in the middle of a write.
    stderr.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
    if (spec.channel === "stdio") {
      this.endpoint = { kind: "stdio", input: stdin, output: stdout };
    } else {
      // Its stdin stays open all the same: the end of it tells the worker that its host is gone.
      this.endpoint = { kind: "dials" };
      stdout.on("data", (chunk: Buffer) => this.#stdout.push(chunk));
    }
  }

  stop({ graceMs }: { readonly graceMs: number }): Promise<WorkerExit> {
    return holding(this.#stop(graceMs));
  }

  /** What a dialling worker wrote to stdout comes first, as far as stderr leaves room for it. */
  stderrTail(): string {
    const errors = this.#stderr.text();
    const output = this.#stdout.text(TAIL_BYTES - Buffer.byteLength(errors));
    const border = output === "" || output.endsWith("\n") || errors === "" ? "" : "\n";
    return output + border + errors;
  }

  async #stop(graceMs: number): Promise<WorkerExit> {
    const timers: Disposable[] = [];
    const force = () => {
      if (this.#phase === "gone") return;
      killGroup(this.pid);
      timers.push(startTimer(UNKILLABLE_MS, () => this.#giveUp()));
    };
    if (!(graceMs > 0)) force();
    else {
      if (this.#phase === "running") this.#child.kill("SIGTERM");
      timers.push(startTimer(graceMs, force));
    }
    if (this.#phase === "running") this.#phase = "stopping";
    const exit = await this.exited;
    for (const timer of timers) timer[Symbol.dispose]();
    await groupGone(this.pid);
    // The owner is done with it, so nobody reads what may still come from a grandchild.
    this.#child.stdout.destroy();
    return exit;
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    this.#phase = "gone";
    // At once, while the number cannot belong to anybody else's group: the kernel does not reuse
    // it as long as the group has members, and without members there is nobody to hit.
    killGroup(this.pid);
    forgetGroup(this.pid);
    const exit: WorkerExit =
      code === null ? { kind: "signaled", signal: signal ?? "unknown" } : { kind: "exited", code };
    const { stdin, stdout, stderr } = this.#child;
    stdin.destroy();
    const report = () => {
      timer[Symbol.dispose]();
      stderr.destroy();
      if (this.endpoint.kind === "dials") stdout.destroy();
      this.#reportExit(exit);
    };
    const timer = graceTimer(LAST_WORDS_MS, report);
    let open = 0;
    for (const output of [stdout, stderr]) {
      if (output.closed) continue;
      open++;
      output.once("close", () => {
        if (--open === 0) report();
      });
    }
    if (open === 0) report();
  }

  #giveUp(): void {
    const reason = `pid ${this.pid} did not end within ${UNKILLABLE_MS} ms of SIGKILL`;
    this.#reportExit({ kind: "lost", reason });
  }
}
