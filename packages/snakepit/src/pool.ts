import type { PoolEventName, PoolEventOf } from "./events.ts";
import type { WorkerPhase } from "./worker.ts";

/** Names the commands of a pool and what they take and give: `{ add: { args: …; reply: … } }`. */
export type CommandMap = { readonly [command: string]: CommandTypes };

export interface CommandTypes {
  readonly args?: unknown;
  readonly reply?: unknown;
  readonly chunk?: unknown;
}

type Get<Types, Key extends keyof CommandTypes> = Types extends { readonly [K in Key]: infer Value }
  ? Value
  : unknown;

export interface CallOptions {
  /** When it aborts, the promise rejects with `signal.reason` and the worker is asked to stop. */
  readonly signal?: AbortSignal;
  /** Waiting and running together; Infinity for none. Default: the command's, else the pool's. */
  readonly timeoutMs?: number;
}

export interface CloseOptions {
  /** How long calls that wait or run may still take. Default: 20 s. */
  readonly graceMs?: number;
}

export interface PoolStats {
  readonly workers: {
    readonly starting: number;
    readonly ready: number;
    readonly draining: number;
  };
  readonly queued: number;
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
}

export interface WorkerInfo {
  readonly id: string;
  readonly pid: number | undefined;
  readonly state: WorkerPhase;
  /** Slots in use, of `concurrency`. */
  readonly load: number;
  readonly concurrency: number;
}

/** Worker processes, a queue in front of them, and one deadline per call. */
export interface Pool<Commands extends CommandMap = CommandMap> extends AsyncDisposable {
  /**
   * Sends one call to a free worker, waiting in the queue if none is free. A rejected promise means
   * that the caller may go on; the worker may still be finishing.
   * @throws SnakepitError QUEUE_FULL, POOL_CLOSED, POOL_DEGRADED, UNKNOWN_COMMAND (not started);
   * TIMEOUT, WORKER_EXITED, SERIALIZATION, VALUE_TOO_LARGE, REMOTE; or the reason of `signal`
   */
  execute<Command extends keyof Commands & string>(
    command: Command,
    args?: Get<Commands[Command], "args">,
    options?: CallOptions,
  ): Promise<Get<Commands[Command], "reply">>;

  /**
   * The chunks of a command, in order, none twice. The call begins with the first `next()`, waits
   * in the queue like any other, and is cancelled when the loop is left. A slow reader slows the
   * worker down.
   * @throws SnakepitError as `execute`; UNSUPPORTED when the worker cannot stream
   */
  stream<Command extends keyof Commands & string>(
    command: Command,
    args?: Get<Commands[Command], "args">,
    options?: CallOptions,
  ): AsyncIterableIterator<Get<Commands[Command], "chunk">, undefined>;

  stats(): PoolStats;
  workers(): WorkerInfo[];

  /** `"*"` hears everything. Dispose of what it returns to stop listening. */
  on<Name extends PoolEventName | "*">(
    name: Name,
    listener: (event: PoolEventOf<Name>) => void,
  ): Disposable;

  /**
   * Takes no new calls, lets those that wait and run go on for `graceMs`, then ends every worker.
   * What is left then fails: waiting calls with POOL_CLOSED (not started), running ones with
   * CANCELLED. Callable twice; both wait for the same end.
   */
  close(options?: CloseOptions): Promise<void>;
}
