import { createInterface } from "node:readline";
import {
  exitDetails,
  type Launcher,
  lastWords,
  SnakepitError,
  type WorkerExit,
  type WorkerProcess,
  type WorkerSpec,
} from "snakepit";

/** What the fork server reports; one JSON object per line of its stdout. */
type Report =
  | { readonly event: "ready"; readonly forkable: boolean; readonly reason?: string }
  | { readonly event: "forked"; readonly workerId: string; readonly pid: number }
  | {
      readonly event: "exited";
      readonly workerId: string;
      readonly code?: number;
      readonly signal?: string;
    }
  | { readonly event: "error"; readonly workerId: string; readonly message: string };

/** How to reach the host, as a forked worker is told over its fork server's pipe. */
export interface ForkRequest {
  readonly workerId: string;
  readonly address: string;
  readonly output: string;
  readonly token: string;
  /** Calls that it runs side by side. */
  readonly concurrency: number;
  /** For its random numbers; absent: the system's own. */
  readonly seed?: number;
}

interface Forked {
  readonly started: (pid: number) => void;
  readonly refused: (error: Error) => void;
  readonly ended: (exit: WorkerExit) => void;
}

let lastNumber = 0;

/**
 * A Python process that has imported everything once and forks workers in milliseconds. When it
 * dies its workers die with it, by the kernel's hand.
 */
export class ForkServer {
  readonly process: WorkerProcess;
  /** False when the preload left threads behind, which a fork would break. */
  forkable = true;
  /** Which module did, when it is known. */
  unforkableReason = "";
  alive = true;
  #isRetired = false;
  readonly #workers = new Map<string, Forked>();
  readonly #ready: Promise<void>;
  #becameReady!: () => void;

  private constructor(process: WorkerProcess) {
    this.process = process;
    this.#ready = new Promise((resolve) => {
      this.#becameReady = resolve;
    });
    const { endpoint } = process;
    if (endpoint.kind !== "stdio") throw new Error("a fork server speaks on its pipes");
    createInterface({ input: endpoint.output }).on("line", (line) => this.#hear(line));
    void process.exited.then((exit) => this.#ended(exit));
  }

  /** Resolves once the process exists; it may still be importing. */
  static async start(launcher: Launcher, spec: WorkerSpec): Promise<ForkServer> {
    const workerId = `fork-server-${++lastNumber}`;
    const { signal } = new AbortController(); // nobody else's: it serves workers to come
    return new ForkServer(await launcher.launch(spec, { workerId, signal }));
  }

  /** @throws SnakepitError WORKER_START_FAILED with what the preload printed */
  async ready(): Promise<void> {
    const exit = await Promise.race([this.#ready, this.process.exited]);
    if (exit === undefined) return;
    const stderr = this.process.stderrTail();
    throw new SnakepitError(
      "WORKER_START_FAILED",
      `Python ended before it could start a worker${lastWords(stderr)}`,
      { outcome: "not-started", details: { reason: "exited", stderr, ...exitDetails(exit) } },
    );
  }

  /** Resolves with the pid once the worker exists; it then dials in by itself. */
  fork(request: ForkRequest, onExit: (exit: WorkerExit) => void): Promise<number> {
    return new Promise((resolve, reject) => {
      if (!this.alive) return reject(gone());
      this.#workers.set(request.workerId, { started: resolve, refused: reject, ended: onExit });
      this.#tell({ op: "fork", ...request });
    });
  }

  /** Forks no more, and ends when its last worker has. */
  retire(): void {
    this.#isRetired = true;
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#isRetired && this.#workers.size === 0) void this.process.stop({ graceMs: 1_000 });
  }

  /** To the whole process group of a worker; the fork server knows whether it still exists. */
  signal(workerId: string, signal: number): void {
    if (this.alive) this.#tell({ op: "signal", workerId, signal });
  }

  #tell(order: unknown): void {
    const { endpoint } = this.process;
    if (endpoint.kind === "stdio") endpoint.input.write(`${JSON.stringify(order)}\n`);
  }

  #hear(line: string): void {
    const report = reportOf(line);
    if (report === undefined) return; // printed by a hook of this Python, before stdout was ours
    switch (report.event) {
      case "ready":
        this.forkable = report.forkable;
        this.unforkableReason = report.reason ?? "";
        return this.#becameReady();
      case "forked":
        return this.#workers.get(report.workerId)?.started(report.pid);
      case "error":
        this.#workers.get(report.workerId)?.refused(refusal(report.message));
        return this.#forget(report.workerId);
      case "exited":
        this.#workers
          .get(report.workerId)
          ?.ended(
            report.signal === undefined
              ? { kind: "exited", code: report.code ?? 0 }
              : { kind: "signaled", signal: report.signal },
          );
        return this.#forget(report.workerId);
    }
  }

  #forget(workerId: string): void {
    this.#workers.delete(workerId);
    this.#endIfDone();
  }

  #ended(exit: WorkerExit): void {
    this.alive = false;
    const how = exit.kind === "signaled" ? `killed by ${exit.signal}` : "gone";
    for (const worker of this.#workers.values()) {
      worker.refused(gone());
      worker.ended({
        kind: "lost",
        reason: `its fork server was ${how}`,
        with: this.process.workerId,
      });
    }
    this.#workers.clear();
  }
}

function gone(): SnakepitError<"WORKER_START_FAILED"> {
  return refusal("the fork server has ended");
}

function refusal(message: string): SnakepitError<"WORKER_START_FAILED"> {
  return new SnakepitError("WORKER_START_FAILED", message, {
    outcome: "not-started",
    details: { reason: "exited", stderr: "" },
  });
}

function reportOf(line: string): Report | undefined {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === "object" && message !== null && "event" in message
      ? (message as Report)
      : undefined;
  } catch {
    return undefined;
  }
}
