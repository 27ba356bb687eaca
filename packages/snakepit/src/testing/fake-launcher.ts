import { PassThrough, type Readable, type Writable } from "node:stream";
import type { Endpoint, Launcher, LaunchOptions, WorkerProcess, WorkerSpec } from "../launcher.ts";
import { FakeProcess } from "./fake-process.ts";

/** A worker that a fake launcher has started, and the strings by which a test moves it. */
export type FakeWorker = Pick<FakeProcess, "end" | "complain" | "memory"> & WorkerProcess;

/** What the program of a fake worker has in its hands. */
export interface FakeProgramContext {
  /** What the host writes; it ends when the host hangs up. */
  readonly input: Readable;
  /** What the host reads. */
  readonly output: Writable;
  readonly spec: WorkerSpec;
  readonly process: FakeWorker;
}

export interface FakeLauncherOptions {
  /**
   * Runs in place of a program, for workers that are reached on their pipes (which are in memory).
   * Default: one that never says a word.
   */
  readonly program?: (context: FakeProgramContext) => void;
  /** Before the worker exists. What it throws fails the start; a start takes as long as it does. */
  readonly onLaunch?: (workerId: string, spec: WorkerSpec) => void | Promise<void>;
  /** Workers go on after a SIGTERM, until the grace is over. Default: false. */
  readonly ignoresTerm?: boolean;
  /** What each worker's `memoryBytes` answers at first. Default: it cannot be read. */
  readonly memoryBytes?: number;
}

export interface FakeLauncher extends Launcher {
  /** How many starts there have been, failed ones included. */
  readonly launches: number;
  /** The workers that live, oldest first. */
  readonly workers: readonly FakeWorker[];
}

/** Starts workers that are no processes, for tests of adapters and of whatever watches processes. */
export function fakeLauncher(options: FakeLauncherOptions = {}): FakeLauncher {
  return new InMemoryLauncher(options);
}

/** Above any number that a system gives out (2^22), so that a signal to it hits nobody. */
const FIRST_PID = 2 ** 30;

class InMemoryLauncher implements FakeLauncher {
  readonly name = "fake";
  launches = 0;
  readonly #options: FakeLauncherOptions;
  readonly #workers = new Set<FakeProcess>();

  constructor(options: FakeLauncherOptions) {
    this.#options = options;
  }

  get workers(): readonly FakeWorker[] {
    return [...this.#workers];
  }

  async launch(spec: WorkerSpec, { workerId, signal }: LaunchOptions): Promise<WorkerProcess> {
    signal.throwIfAborted();
    const pid = FIRST_PID + this.launches++;
    await unlessAborted(this.#options.onLaunch?.(workerId, spec), signal);
    const pipes = spec.channel === "stdio" ? new Pipes() : undefined;
    const worker = new FakeProcess(workerId, {
      pid,
      ...(pipes === undefined ? {} : { endpoint: pipes.endpoint }),
      ignoresTerm: this.#options.ignoresTerm === true,
      onEnd: () => {
        this.#workers.delete(worker);
        pipes?.close();
      },
    });
    worker.memory = this.#options.memoryBytes;
    this.#workers.add(worker);
    if (pipes !== undefined) {
      const { input, output } = pipes;
      this.#options.program?.({ input, output, spec, process: worker });
    }
    return worker;
  }
}

/** The two pipes of one worker, in memory. Named as the worker sees them. */
class Pipes {
  readonly input = new PassThrough();
  readonly output = new PassThrough();
  readonly endpoint: Endpoint = { kind: "stdio", input: this.input, output: this.output };

  /** As the kernel does it when a process ends: what it has written can still be read. */
  close(): void {
    this.output.end();
    this.input.destroy();
  }
}

async function unlessAborted(work: void | Promise<void>, signal: AbortSignal): Promise<void> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
