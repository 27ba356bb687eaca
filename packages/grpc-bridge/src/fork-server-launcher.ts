import type { Socket } from "node:net";
import {
  type Launcher,
  type LaunchOptions,
  localLauncher,
  type MemoryKind,
  OutputTail,
  type ProcessGuards,
  processGuards,
  processTreeMemory,
  SnakepitError,
  startTimer,
  type WorkerExit,
  type WorkerProcess,
  type WorkerSpec,
} from "snakepit";
import type { ForkServer } from "./fork-server.ts";
import { type Forking, ForkServers } from "./fork-servers.ts";

const SIGTERM = 15;
const SIGKILL = 9;
/** A fork server that has not reported the end of a killed worker by then is itself beyond help. */
const REPORT_MS = 2_000;
/** How long a dead worker's last output may still be on its way. */
const LAST_WORDS_MS = 100;

/**
 * Local workers in milliseconds: a fork server that has imported everything forks them. Where its
 * preload cannot be forked, workers are spawned one by one instead.
 */
export class ForkServerLauncher implements Launcher {
  readonly name = "fork-server";
  readonly #local = localLauncher();
  readonly #servers: ForkServers;
  readonly #tails = new Map<string, WorkerTail>();
  /** Why workers are spawned and not forked, if so. */
  spawnReason: string | undefined = unforkablePlatform();
  #lastServer: ForkServer | undefined;

  /** `servers`: those of the bridge, which other pools may use as well. */
  constructor(servers: ForkServers = new ForkServers()) {
    this.#servers = servers;
  }

  /** Pid of the process that the last worker was forked from, while that lives. */
  get forkServer(): number | undefined {
    return this.#lastServer?.alive === true ? this.#lastServer.process.pid : undefined;
  }

  async launch(spec: WorkerSpec, options: LaunchOptions): Promise<WorkerProcess> {
    if (unforkablePlatform() !== undefined) return this.#local.launch(spec, options);
    for (let isRetry = false; ; isRetry = true) {
      const forking = await unlessAborted(this.#servers.ready(spec, this), options.signal);
      if ("spawnReason" in forking) {
        this.spawnReason = forking.spawnReason;
        this.#lastServer = undefined;
        return this.#local.launch(spec, options);
      }
      this.spawnReason = undefined;
      this.#lastServer = forking.server;
      try {
        return await this.#fork(forking.server, spec, options);
      } catch (error) {
        // It was killed before it could fork, which is no fault of this worker's: its successor is
        // asked. Once, because that may die of what it is asked for.
        if (forking.server.alive || isRetry) throw error;
      }
    }
  }

  guards(): ProcessGuards {
    return processGuards();
  }

  /** A worker's stdout and stderr have arrived. */
  receiveOutput(workerId: string, output: Socket, first: Buffer): void {
    this.#tail(workerId).receive(output, first);
  }

  close(): Promise<void> {
    return this.#servers.leave(this);
  }

  async #fork(
    server: ForkServer,
    spec: WorkerSpec,
    { workerId, signal }: LaunchOptions,
  ): Promise<WorkerProcess> {
    const { SNAKEPIT_ADDRESS = "", SNAKEPIT_OUTPUT_ADDRESS = "", SNAKEPIT_TOKEN = "" } = spec.env;
    const { SNAKEPIT_CONCURRENCY, SNAKEPIT_SEED } = spec.env;
    const tail = this.#tail(workerId);
    let report!: (exit: WorkerExit) => void;
    const exited = new Promise<WorkerExit>((resolve) => {
      report = resolve;
    });
    const pid = await server.fork(
      {
        workerId,
        address: SNAKEPIT_ADDRESS,
        output: SNAKEPIT_OUTPUT_ADDRESS,
        token: SNAKEPIT_TOKEN,
        concurrency: Number(SNAKEPIT_CONCURRENCY),
        ...(SNAKEPIT_SEED === undefined ? {} : { seed: Number(SNAKEPIT_SEED) }),
      },
      (exit) => {
        void tail.ended.then(() => {
          this.#tails.delete(workerId);
          report(exit);
        });
        tail.finishWithin(LAST_WORDS_MS);
      },
    );
    const worker = new ForkedWorker(server, workerId, pid, exited, tail);
    if (signal.aborted) {
      await worker.stop({ graceMs: 0 });
      throw signal.reason;
    }
    return worker;
  }

  #tail(workerId: string): WorkerTail {
    const tail = this.#tails.get(workerId) ?? new WorkerTail();
    this.#tails.set(workerId, tail);
    return tail;
  }
}

/** Elsewhere a process that has loaded the system's own libraries must not be forked. */
function unforkablePlatform(): string | undefined {
  return process.platform === "linux" ? undefined : "workers are forked on Linux only";
}

/** The last lines of a worker's output, and when there will be no more of it. */
class WorkerTail {
  readonly ended: Promise<void>;
  readonly #lines = new OutputTail();
  #end!: () => void;
  #socket: Socket | undefined;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  receive(socket: Socket, first: Buffer): void {
    this.#socket = socket;
    this.#lines.push(first);
    socket.on("data", (chunk: Buffer) => this.#lines.push(chunk));
    socket.once("close", () => this.#end());
    socket.resume();
  }

  /**
   * The worker is gone. Its output may still be on its way, even the connection for it; a grandchild
   * that holds its stderr must not hold up the news.
   */
  finishWithin(ms: number): void {
    if (this.#socket?.closed === true) return this.#end();
    setTimeout(() => {
      if (this.#socket === undefined) this.#end();
      else this.#socket.destroy();
    }, ms).unref();
  }

  text(): string {
    return this.#lines.text();
  }
}

class ForkedWorker implements WorkerProcess {
  readonly workerId: string;
  readonly pid: number;
  readonly endpoint = { kind: "dials" } as const;
  readonly label: string;
  readonly exited: Promise<WorkerExit>;
  readonly #server: ForkServer;
  readonly #tail: WorkerTail;
  #isGone = false;

  constructor(
    server: ForkServer,
    workerId: string,
    pid: number,
    exited: Promise<WorkerExit>,
    tail: WorkerTail,
  ) {
    this.#server = server;
    void exited.then(() => {
      this.#isGone = true;
    });
    this.workerId = workerId;
    this.pid = pid;
    this.label = `pid ${pid}`;
    this.exited = exited;
    this.#tail = tail;
  }

  async stop({ graceMs }: { readonly graceMs: number }): Promise<WorkerExit> {
    if (graceMs > 0) this.#server.signal(this.workerId, SIGTERM);
    const timers = [
      startTimer(graceMs, () => this.#server.signal(this.workerId, SIGKILL)),
      // A stopped or hung fork server kills nobody; its own end takes its workers with it.
      startTimer(graceMs + REPORT_MS, () => void this.#server.process.stop({ graceMs: 0 })),
    ];
    try {
      return await this.exited;
    } finally {
      for (const timer of timers) timer[Symbol.dispose]();
    }
  }

  stderrTail(): string {
    return this.#tail.text();
  }

  /** A forked worker shares most of its pages with the others, so only `proportional` is its own. */
  async memoryBytes(kind: MemoryKind): Promise<number | undefined> {
    // Its number may be somebody else's by now.
    return this.#isGone ? undefined : processTreeMemory(this.pid, kind);
  }
}

/** The start goes on for the next worker; only this one stops waiting for it. */
async function unlessAborted(starting: Promise<Forking>, signal: AbortSignal): Promise<Forking> {
  signal.throwIfAborted();
  let onAbort!: () => void;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () =>
      reject(
        new SnakepitError(
          "WORKER_START_FAILED",
          "Python was still importing when startTimeoutMs was over; raise it, or preload less",
          {
            outcome: "not-started",
            details: { reason: "timeout", stderr: "" },
          },
        ),
      );
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([starting, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
