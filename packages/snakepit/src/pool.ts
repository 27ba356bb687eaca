import type { Affinity } from "./adapter.ts";
import type { CircuitPhase } from "./circuit.ts";
import type {
  AnyCommands,
  CallParameters,
  CallsOf,
  ChunkOf,
  CommandMapOf,
  ReplyOf,
  StreamsOf,
} from "./command-types.ts";
import type { PoolEventName, PoolEventOf } from "./events.ts";
import type { ProcessGuards } from "./local/process-guards.ts";
import type { Records } from "./records.ts";
import type { Session, SessionOptions } from "./session.ts";
import type { Sessions } from "./sessions.ts";
import type { CommandStats } from "./statistics/command-statistics.ts";
import type { WorkerNote } from "./worker-history.ts";
import type { WorkerPhase } from "./worker-state.ts";

export interface CallOptions {
  /** When it aborts, the promise rejects with `signal.reason` and the worker is asked to stop. */
  readonly signal?: AbortSignal | undefined;
  /** Waiting and running together; Infinity for none. Default: the command's, else the pool's. */
  readonly timeoutMs?: number | undefined;
  /**
   * How long it may wait for a slot; then QUEUE_TIMEOUT. 0: WORKER_BUSY at once when there is none.
   * Default: as long as `timeoutMs`.
   */
  readonly queueTimeoutMs?: number | undefined;
  /** Only in a session. Default: the session's own. */
  readonly affinity?: Affinity | undefined;
  /**
   * Doing it twice does no harm: when its worker is lost it is tried again, three times in all, or
   * eight when somebody else killed its workers, 100 ms apart and doubling. A stream only as long
   * as none of its chunks was read.
   */
  readonly idempotent?: boolean | undefined;
  /**
   * A name for what this call is part of, such as the id of a request: its worker sees it, what the
   * worker logs in this call carries it, and calls that the host makes on its behalf inherit it. 1
   * to 200 of the characters A-Z a-z 0-9 . _ : -
   */
  readonly correlationId?: string | undefined;
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
  /** Of the ready workers, those that have a free slot, and those that have a call. */
  readonly available: number;
  readonly busy: number;
  /** Slots in use, of those that the ready workers have; 0 to 1. */
  readonly utilisation: number;
  readonly queued: number;
  readonly running: number;
  /** Calls that were submitted, refused ones included; those not made for bad input are none. */
  readonly requests: number;
  readonly succeeded: number;
  readonly failed: number;
  /** How often calls failed with which code; `ABORTED`: by the caller's own signal. */
  readonly errors: Readonly<Record<string, number>>;
  /** Calls that found no slot in their `queueTimeoutMs`. */
  readonly queueTimeouts: number;
  /** Calls that were refused because the queue was full. */
  readonly saturationRejections: number;
  /** Calls of a session that went to its worker, and those that went elsewhere. */
  readonly affinityHits: number;
  readonly affinityMisses: number;
  /** Times that a call was sent again after its worker was lost. */
  readonly retried: number;
  readonly sessions: number;
  /** `open`: workers die of most calls, so that new ones are refused for a while. */
  readonly circuit: CircuitPhase;
  /**
   * By command, since the pool was made; beyond 1,000 commands the rest is `other`. Empty with
   * `telemetry: false`.
   */
  readonly commands: Readonly<Record<string, CommandStats>>;
}

export interface WorkerInfo {
  readonly id: string;
  readonly pid: number | undefined;
  readonly state: WorkerPhase;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  /** When it last had a call, to within a second; now, while it has one. Milliseconds since 1970. */
  readonly lastActivityAtMs: number;
  /** Slots in use, of `concurrency`. */
  readonly load: number;
  readonly concurrency: number;
  /** Calls that it has answered, and those of them that failed. */
  readonly calls: number;
  readonly errors: number;
  /** Sessions that are at home there. */
  readonly sessions: number;
  /** Of the worker and what it has started, when last measured. */
  readonly memoryBytes: number | undefined;
  /** The last 20 lines that it wrote to stderr, without secrets. */
  readonly stderr: string;
  /** What happened to it, oldest first; the last 16 things of note. */
  readonly history: readonly WorkerNote[];
}

export interface WorkerHealth {
  readonly id: string;
  readonly pid: number | undefined;
  /** It answered a ping; it answered that it cannot serve; it did not answer in time; it is gone. */
  readonly status: "healthy" | "unhealthy" | "timeout" | "dead";
  readonly roundTripMs: number | undefined;
  /** What it said, unless it is healthy. */
  readonly reason: string | undefined;
}

export interface PoolHealth {
  /** `healthy`: every worker is, and there are at least `minWorkers`. */
  readonly status: "healthy" | "degraded" | "unhealthy";
  readonly workers: readonly WorkerHealth[];
  /** What ends the workers when this program dies; undefined when their launcher cannot say. */
  readonly guards: ProcessGuards | undefined;
}

export interface ResizeOptions {
  readonly minWorkers?: number;
  readonly maxWorkers?: number;
}

export interface RestartOptions {
  /** Also workers that a session is pinned to; it is lost. Default: false. */
  readonly force?: boolean;
  /** How long the calls of a replaced worker may take. Default: the pool's `drainMs`. */
  readonly graceMs?: number;
}

export interface RestartReport {
  /** Ids of the workers that were replaced. */
  readonly replaced: readonly string[];
  /** Those that were not, and why: a session is pinned there, or a call has not ended in time. */
  readonly left: readonly { readonly workerId: string; readonly reason: "pinned" | "busy" }[];
}

/**
 * Worker processes, a queue in front of them, and one deadline per call. `Commands` types what they
 * take and give; a pool that knows more of them can be passed where fewer are needed, and any pool
 * where a plain `Pool` is.
 */
export interface Pool<out Commands extends CommandMapOf<Commands> = AnyCommands>
  extends AsyncDisposable {
  /**
   * Sends one call to a free worker, waiting in the queue if none is free. A rejected promise means
   * that the caller may go on; the worker may still be finishing.
   * @throws SnakepitError QUEUE_FULL, QUEUE_TIMEOUT, WORKER_BUSY, POOL_CLOSED, POOL_DEGRADED,
   * UNKNOWN_COMMAND, SESSION_LOST (not started); TIMEOUT, WORKER_EXITED, MEMORY_EXCEEDED,
   * SERIALIZATION, VALUE_TOO_LARGE, REMOTE; or the reason of `signal`
   */
  execute<Command extends keyof CallsOf<Commands> & string>(
    command: Command,
    ...parameters: CallParameters<Commands[Command]>
  ): Promise<ReplyOf<Commands[Command]>>;

  /**
   * The chunks of a command, in order, none twice. The call begins with the first `next()`, waits
   * in the queue like any other, and is cancelled when the loop is left. A slow reader slows the
   * worker down.
   * @throws SnakepitError as `execute`; UNSUPPORTED when the worker cannot stream
   */
  stream<Command extends keyof StreamsOf<Commands> & string>(
    command: Command,
    ...parameters: CallParameters<Commands[Command]>
  ): AsyncIterableIterator<ChunkOf<Commands[Command]>, undefined>;

  /**
   * Calls that belong together. With an id, the session of that name is opened or found; without
   * one it is new, and disposing of it ends it.
   * @throws SnakepitError INVALID_ARGUMENT when it is open with other options
   */
  session(id?: string, options?: SessionOptions): Session<Commands>;

  /** All that its store knows, also those of other hosts. */
  readonly sessions: Sessions;

  /** Named values that belong to no session. @throws SnakepitError INVALID_ARGUMENT */
  records(namespace: string): Records;

  stats(): PoolStats;
  workers(): WorkerInfo[];

  /** Pings every worker now, for up to 5 s, also while calls run. */
  health(): Promise<PoolHealth>;

  /**
   * Changes the bounds: resolves when the minimum is ready. Workers above the maximum end as soon as
   * their calls have.
   */
  resize(sizes: ResizeOptions): Promise<void>;

  /**
   * Replaces every worker, the new one first, so that no call fails. Resolves when the old ones are
   * gone.
   * @throws SnakepitError WORKER_START_FAILED when a new one does not come up; the old ones stay
   */
  restart(options?: RestartOptions): Promise<RestartReport>;

  /** `"*"` hears everything. Dispose of what it returns to stop listening. */
  on<Name extends PoolEventName | "*">(
    name: Name,
    listener: (event: PoolEventOf<Name>) => void,
  ): Disposable;

  /**
   * Takes no new calls, lets those that wait and run go on for `graceMs`, then ends every worker.
   * What is left then fails: waiting calls with POOL_CLOSED (not started), running ones with
   * CANCELLED. Callable twice; both wait for the same end, that of the first call's grace.
   */
  close(options?: CloseOptions): Promise<void>;
}
