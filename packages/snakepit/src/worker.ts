import type { Adapter, Connection, TelemetryReport } from "./adapter.ts";
import type { Call } from "./call.ts";
import type { StopReason } from "./events.ts";
import type { Launcher, WorkerExit, WorkerProcess } from "./launcher.ts";
import { LinkedList } from "./linked-list.ts";
import type { LogLevel } from "./log-level.ts";
import { PACKED_CALLS } from "./scheduler.ts";
import { delay, startTimer } from "./timer.ts";
import {
  badConcurrency,
  EndedEarly,
  exitError,
  startCancelled,
  startError,
  startTimeout,
} from "./worker-errors.ts";

/** How long a lost connection waits for the report of what happened to its process. */
const EXIT_REPORT_MS = 100;

type WorkerState =
  | { readonly phase: "starting"; readonly abort: AbortController }
  | { readonly phase: "ready"; readonly process: WorkerProcess; readonly connection: Connection }
  | {
      readonly phase: "draining";
      readonly process: WorkerProcess;
      readonly connection: Connection;
      readonly reason: StopReason;
    }
  | { readonly phase: "stopped"; readonly reason: StopReason };

export type WorkerPhase = WorkerState["phase"];

export interface WorkerOptions {
  readonly adapter: Adapter;
  readonly launcher: Launcher;
  readonly startTimeoutMs: number;
  readonly stopGraceMs: number;
  /** After an abandoned call: how long its neighbours may take before the worker is ended. */
  readonly drainMs: number;
}

/** The pool, as a worker sees it. */
export interface WorkerOwner {
  /** A slot is free again. */
  freed(worker: Worker): void;
  /** It takes no more calls; its replacement may start now. */
  draining(worker: Worker): void;
  logged(worker: Worker, level: LogLevel, message: string): void;
  reported(worker: Worker, report: TelemetryReport): void;
  stopped(worker: Worker, reason: StopReason, exit: WorkerExit, lostCalls: number): void;
}

/**
 * One process, the connection to it, and the calls on it. A slot is freed when the worker has
 * answered, never when a caller has gone: otherwise two calls would run in a one-call worker, or a
 * late answer would reach the wrong caller.
 */
export class Worker {
  readonly id: string;
  load = 0;
  concurrency = 1;
  /** On the clock of `performance.now()`. */
  readySinceMs = 0;
  /** Has answered at least one call: whatever ends it now is no failed start. */
  served = false;
  readonly #options: WorkerOptions;
  readonly #owner: WorkerOwner;
  readonly #calls = new LinkedList<Call>();
  /** Cancelled, not confirmed, and given up. */
  readonly #abandoned = new Set<Call>();
  #drainTimer: Disposable | undefined;
  #started: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  /** Commands that it has found to be short. */
  #short: ReadonlySet<string> | undefined;
  /** What was wrong with the connection, if that is why it ended. */
  #fault: Error | undefined;
  #state: WorkerState = { phase: "starting", abort: new AbortController() };

  constructor(id: string, options: WorkerOptions, owner: WorkerOwner) {
    this.id = id;
    this.#options = options;
    this.#owner = owner;
  }

  /** How many calls of this command it may hold; for the scheduler. */
  room(command: string): number {
    // A worker with one slot runs one call at a time, also when it thinks it could take more.
    const isPacked = this.concurrency > 1 && this.#short?.has(command) === true;
    return isPacked ? Math.max(PACKED_CALLS, this.concurrency) : this.concurrency;
  }

  get phase(): WorkerPhase {
    return this.#state.phase;
  }

  get pid(): number | undefined {
    return "process" in this.#state ? this.#state.process.pid : undefined;
  }

  get connection(): Connection | undefined {
    return "connection" in this.#state ? this.#state.connection : undefined;
  }

  /** @throws SnakepitError WORKER_START_FAILED, with the worker's last stderr lines */
  start(): Promise<void> {
    if (this.#state.phase !== "starting") throw new Error(`worker ${this.id} was started before`);
    this.#started = this.#start(this.#state.abort);
    return this.#started;
  }

  async #start(abort: AbortController): Promise<void> {
    const { adapter, launcher, startTimeoutMs } = this.#options;
    using _ = startTimer(startTimeoutMs, () => abort.abort(startTimeout));
    let child: WorkerProcess | undefined;
    let connecting: Promise<Connection> | undefined;
    try {
      child = await launcher.launch(adapter.spec(), { workerId: this.id, signal: abort.signal });
      connecting = adapter.connect(child, {
        signal: abort.signal,
        log: (level, message) => this.#owner.logged(this, level, message),
        telemetry: (report) => this.#owner.reported(this, report),
      });
      const connection = await firstOf(connecting, child.exited, abort.signal);
      this.#becomeReady(child, connection);
    } catch (reason) {
      // Whatever the adapter still waits for, it waits for nothing; should it come, it goes again.
      abort.abort(reason);
      connecting?.then(goodbye, () => {});
      const exit = await child?.stop({ graceMs: 0 });
      const error = startError(reason, this.id, startTimeoutMs, child, exit);
      this.#state = { phase: "stopped", reason: "exited" };
      throw error;
    }
  }

  #becomeReady(child: WorkerProcess, connection: Connection): void {
    const { concurrency } = connection.capabilities;
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) throw badConcurrency(concurrency);
    this.concurrency = concurrency;
    this.readySinceMs = performance.now();
    this.#short = connection.shortCommands;
    this.#state = { phase: "ready", process: child, connection };
    void child.exited.then((exit) => this.#gone("exited", exit));
    const lost = (fault: Error | undefined) => this.#connectionLost(child, fault);
    void connection.closed?.then(lost, lost);
  }

  /** Sends a call. The caller has made sure that there is a free slot. */
  carry(call: Call): void {
    const { connection } = this;
    if (connection === undefined) throw new Error(`worker ${this.id} is ${this.phase}`);
    this.load++;
    this.#calls.push(call);
    call.workerId = this.id;
    void this.#await(call, connection);
  }

  async #await(call: Call, connection: Connection): Promise<void> {
    try {
      const value = await connection.execute(call.command, call.args, call);
      call.succeed(value);
    } catch (error) {
      call.fail(error);
    }
    this.release(call); // after the answer: what the free slot sets off must not get in its way
  }

  /**
   * Opens a stream. The caller has made sure that there is a free slot, and releases it when the
   * worker is done.
   */
  carryStream(call: Call): AsyncIterator<unknown> {
    const { connection } = this;
    if (connection?.stream === undefined) throw new Error(`worker ${this.id} cannot stream`);
    const source = connection.stream(call.command, call.args, call)[Symbol.asyncIterator]();
    this.load++;
    this.#calls.push(call);
    call.workerId = this.id;
    return source;
  }

  /** The worker is done with a call. False when the worker was gone already. */
  release(call: Call): boolean {
    if (!this.#calls.delete(call)) return false;
    this.load--;
    this.served = true;
    call.confirm();
    if (this.#abandoned.size > 0) this.#abandoned.delete(call);
    this.#owner.freed(this);
    if (this.#state.phase === "draining") this.#stopWhenDrained();
    return true;
  }

  /** A cancelled call was not confirmed: no new calls, and the end as soon as nobody else is hurt. */
  abandon(call: Call): void {
    if (call.list !== this.#calls) return;
    this.#abandoned.add(call);
    this.#drain("cancel-ignored");
    this.#drainTimer ??= startTimer(
      this.#options.drainMs,
      () => void this.stop("cancel-ignored", { graceMs: 0 }),
    );
    this.#stopWhenDrained();
  }

  #drain(reason: StopReason): void {
    if (this.#state.phase !== "ready") return;
    const { process: child, connection } = this.#state;
    this.#state = { phase: "draining", process: child, connection, reason };
    this.#owner.draining(this);
  }

  #stopWhenDrained(): void {
    if (this.#state.phase !== "draining" || this.#calls.size > this.#abandoned.size) return;
    // An abandoned call ignores requests, so that it is not worth waiting for.
    void this.stop(this.#state.reason, {
      graceMs: this.#abandoned.size > 0 ? 0 : this.#options.stopGraceMs,
    });
  }

  /** Ends the worker whatever it does; what it has not finished is lost. Idempotent. */
  stop(reason: StopReason, options: { readonly graceMs: number }): Promise<void> {
    this.#stopping ??= this.#stop(reason, options.graceMs);
    return this.#stopping;
  }

  async #stop(reason: StopReason, graceMs: number): Promise<void> {
    if (this.#state.phase === "starting") {
      this.#state.abort.abort(startCancelled);
      // Until its process is gone; or, had it just become ready, to end it below.
      await this.#started?.catch(() => {});
    }
    if (!("process" in this.#state)) return;
    const { process: child, connection } = this.#state;
    this.#drain(reason);
    if (graceMs > 0) {
      // A goodbye that hangs must not hold up the signal.
      await Promise.race([goodbye(connection), delay(graceMs)]);
    }
    const exit = await child.stop({ graceMs });
    this.#gone(reason, exit);
  }

  async #connectionLost(child: WorkerProcess, fault: Error | undefined): Promise<void> {
    this.#fault = fault;
    if (this.#stopping !== undefined || this.#state.phase === "stopped") return;
    this.#drain("connection-lost");
    const exit = await Promise.race([child.exited, delay(EXIT_REPORT_MS)]);
    if (exit !== undefined) return; // `exited` has told it all
    await this.stop("connection-lost", { graceMs: 0 });
  }

  #gone(reason: StopReason, exit: WorkerExit): void {
    if (!("process" in this.#state)) return;
    const { process: child, connection } = this.#state;
    const drained = this.#state.phase === "draining" ? this.#state.reason : reason;
    // A socket that closes is how a death shows first; the report of it says more.
    const why = drained === "connection-lost" && reason === "exited" ? reason : drained;
    this.#state = { phase: "stopped", reason: why };
    this.#drainTimer?.[Symbol.dispose]();
    void goodbye(connection);
    const lost = this.#calls.drain();
    const end = {
      workerId: this.id,
      reason: why,
      exit,
      stderr: child.stderrTail(),
      fault: this.#fault,
    };
    for (const call of lost) {
      call.confirm();
      call.fail(exitError(call, end));
    }
    // Nothing of the group may live on behind a worker that ended by itself.
    void child.stop({ graceMs: 0 });
    this.#owner.stopped(this, why, exit, lost.length);
  }
}

/** The connection, unless the process ends or the start is given up first. */
async function firstOf(
  connecting: Promise<Connection>,
  exited: Promise<WorkerExit>,
  signal: AbortSignal,
): Promise<Connection> {
  let onAbort!: () => void;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  const ended = exited.then((exit): never => {
    throw new EndedEarly(exit);
  });
  connecting.catch(() => {}); // heard by whichever loses the race as well
  ended.catch(() => {});
  try {
    return await Promise.race([connecting, ended, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** The process matters, not how its adapter's farewell went. */
async function goodbye(connection: Connection): Promise<void> {
  try {
    await connection[Symbol.asyncDispose]();
  } catch {
    // It is ended by a signal or gone already: there is nothing left to lose.
  }
}
