import type { ProcessGuards } from "./local/process-guards.ts";

/** What to run. Plain data, because a launcher may send it to another machine. */
export interface WorkerSpec {
  readonly program: string;
  readonly args: readonly string[];
  /** Only what the worker needs beyond the launcher's allow-list of inherited variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Working directory; the host's own by default. */
  readonly cwd?: string;
  /** How the worker is reached: on its pipes, or it dials an address that it finds in `env`. */
  readonly channel: "stdio" | "dials";
  readonly resources?: {
    readonly cpus?: number;
    readonly gpus?: number;
    readonly memoryBytes?: number;
  };
}

export type Endpoint =
  | {
      readonly kind: "stdio";
      readonly input: NodeJS.WritableStream;
      readonly output: NodeJS.ReadableStream;
    }
  | { readonly kind: "dials" };

export type WorkerExit =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signaled"; readonly signal: string }
  /** The machine, actor or process vanished without a report. */
  | {
      readonly kind: "lost";
      readonly reason: string;
      /**
       * What it depended on and ended with, by a name: the end of all workers that were lost with
       * the same thing is one mishap, and none of them, nor any call, is to blame.
       */
      readonly with?: string;
    };

export interface LaunchOptions {
  /** Unique in this process; goes into logs, errors and the worker's environment. */
  readonly workerId: string;
  /** On abort the launch rejects and leaves nothing behind. */
  readonly signal: AbortSignal;
}

/** Brings one worker into being, somewhere. */
export interface Launcher {
  readonly name: string;
  /**
   * Resolves once the process exists; the adapter's `connect` decides whether it is ready.
   * @throws SnakepitError WORKER_START_FAILED (`not-found` when there is no such program)
   */
  launch(spec: WorkerSpec, options: LaunchOptions): Promise<WorkerProcess>;
  close?(): Promise<void>;
  /** What ends its workers when this program dies. Absent: nobody can say. */
  guards?(): ProcessGuards;
}

/** A running worker. Owned by whoever launched it, in a pool by exactly one `Worker`. */
export interface WorkerProcess {
  readonly workerId: string;
  readonly pid: number | undefined;
  readonly endpoint: Endpoint;
  /** For people: "pid 4711". */
  readonly label: string;
  /** Resolves when the worker is gone, for whatever reason. Never rejects. */
  readonly exited: Promise<WorkerExit>;
  /** Asks (SIGTERM), waits `graceMs`, then forces. Callable twice; both see the same exit. */
  stop(options: { readonly graceMs: number }): Promise<WorkerExit>;
  /** The last lines that the worker wrote to stderr, for errors. At most 64 KiB. */
  stderrTail(): string;
  /**
   * Memory of the worker and everything that it has started, in bytes; undefined when it cannot be
   * read now. `resident` counts shared pages in full and costs little, `proportional` shares them
   * out and decides. Absent: nobody can say.
   */
  memoryBytes?(kind: MemoryKind): Promise<number | undefined>;
}

export type MemoryKind = "resident" | "proportional";
