import type { Endpoint, MemoryKind, WorkerExit, WorkerProcess } from "../launcher.ts";
import { OutputTail } from "../output-tail.ts";
import { startTimer } from "../timer.ts";

export interface FakeProcessOptions {
  /** Default: it dials. */
  readonly endpoint?: Endpoint;
  /** Default: none, as for a worker on another machine. */
  readonly pid?: number;
  /** It goes on after a SIGTERM, until the grace is over. Default: false. */
  readonly ignoresTerm?: boolean;
  /** Called once, when it has ended in whatever way. */
  readonly onEnd?: () => void;
}

/** A worker process that is none: it ends when it is told to. */
export class FakeProcess implements WorkerProcess {
  readonly workerId: string;
  readonly pid: number | undefined;
  readonly endpoint: Endpoint;
  readonly label: string;
  readonly exited: Promise<WorkerExit>;
  /** What `memoryBytes` answers from now on. */
  memory: number | undefined;
  readonly #stderr = new OutputTail();
  readonly #options: FakeProcessOptions;
  #reportExit!: (exit: WorkerExit) => void;
  #hasEnded = false;

  constructor(workerId: string, options: FakeProcessOptions = {}) {
    this.workerId = workerId;
    this.pid = options.pid;
    this.endpoint = options.endpoint ?? { kind: "dials" };
    this.label = `fake worker ${workerId}`;
    this.#options = options;
    this.exited = new Promise((resolve) => {
      this.#reportExit = resolve;
    });
  }

  /** It ends now, in this way. Only the first call counts. */
  end(exit: WorkerExit): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#options.onEnd?.();
    this.#reportExit(exit);
  }

  /** It writes to stderr. */
  complain(text: string): void {
    this.#stderr.push(Buffer.from(text));
  }

  async stop({ graceMs }: { readonly graceMs: number }): Promise<WorkerExit> {
    if (this.#options.ignoresTerm !== true) {
      this.end({ kind: "signaled", signal: "SIGTERM" });
      return this.exited;
    }
    const kill = () => this.end({ kind: "signaled", signal: "SIGKILL" });
    using _ = startTimer(graceMs, kill);
    return await this.exited;
  }

  stderrTail(): string {
    return this.#stderr.text();
  }

  async memoryBytes(_kind: MemoryKind): Promise<number | undefined> {
    return this.memory;
  }
}
