import { availableParallelism } from "node:os";
import type { TelemetryReport } from "./adapter.ts";
import { Backoff } from "./backoff.ts";
import type { SnakepitError } from "./errors.ts";
import type { PoolEvent, StopReason } from "./events.ts";
import type { Launcher, WorkerExit } from "./launcher.ts";
import type { LogLevel } from "./log-level.ts";
import type { ResolvedPoolOptions } from "./options.ts";
import { degradedError } from "./pool-errors.ts";
import { startsWanted } from "./scheduler.ts";
import { Worker, type WorkerOwner } from "./worker.ts";

/** Importing is what a start costs, so that more starts than cores only make each of them slower. */
const MAX_STARTING = availableParallelism();

/** The queue, as the set of workers sees it. */
export interface FleetOwner {
  /** Calls that wait for a slot. */
  queued(): number;
  /** A worker is done with a call. */
  callDone(): void;
  /** There is a free slot. */
  slotFreed(): void;
  /** A worker has gone, and these calls with it: their callers have been told. */
  callsLost(worker: Worker, count: number): void;
  /** Nobody serves and starting does not work: waiting calls should be told. */
  degraded(error: SnakepitError<string>): void;
  emit(event: PoolEvent): void;
}

/** The workers of a pool: starts as many as the scheduler wants, and replaces those that end. */
export class Fleet implements WorkerOwner {
  readonly #options: ResolvedPoolOptions;
  readonly #launcher: Launcher;
  readonly #owner: FleetOwner;
  readonly #backoff = new Backoff();
  readonly #workers = new Map<string, Worker>();
  /** Those that take calls, in the order of their start. */
  #ready: Worker[] = [];
  #starting = 0;
  #slotsPerWorker = 1;
  #lastCrashMs = 0;
  #lastFailure: SnakepitError<string> | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: ResolvedPoolOptions, launcher: Launcher, owner: FleetOwner) {
    this.#options = options;
    this.#launcher = launcher;
    this.#owner = owner;
  }

  get ready(): readonly Worker[] {
    return this.#ready;
  }

  get starting(): number {
    return this.#starting;
  }

  /** Slots that workers on their way will bring. */
  get slotsComing(): number {
    return this.#starting * this.#slotsPerWorker;
  }

  get lastFailure(): SnakepitError<string> | undefined {
    return this.#lastFailure;
  }

  all(): IterableIterator<Worker> {
    return this.#workers.values();
  }

  worker(id: string | undefined): Worker | undefined {
    return id === undefined ? undefined : this.#workers.get(id);
  }

  /** The first workers, side by side as far as the cores allow. Failures are kept, not thrown. */
  async startFirst(count: number): Promise<void> {
    let left = count;
    const lane = async () => {
      while (left-- > 0 && !this.#closing) await this.#start();
    };
    await Promise.all(Array.from({ length: Math.min(count, MAX_STARTING) }, lane));
  }

  /** Starts what the scheduler wants, now or when the backoff allows it. */
  schedule(): void {
    if (this.#closing || this.#retryTimer !== undefined) return;
    // Asked with each call that waits: most of the time there is nothing left to start.
    if (this.#ready.length + this.#starting >= this.#options.maxWorkers) return;
    const wanted = startsWanted({
      queued: this.#owner.queued(),
      starting: this.#starting,
      ready: this.#ready.length,
      concurrency: this.#slotsPerWorker,
      minWorkers: this.#options.minWorkers,
      maxWorkers: this.#options.maxWorkers,
      maxStarting: MAX_STARTING,
    });
    if (wanted === 0) return;
    const waitMs = this.#backoff.waitMs(performance.now());
    if (waitMs > 0) return this.#scheduleLater(waitMs);
    // After trouble one start at a time finds out whether it is over.
    const count = this.#backoff.troubled
      ? Math.min(wanted, 1 - Math.min(1, this.#starting))
      : wanted;
    for (let started = 0; started < count; started++) void this.#start();
  }

  /** Why a new call cannot be kept waiting, if so. */
  refusal(): SnakepitError<"POOL_DEGRADED"> | undefined {
    if (!this.#backoff.degraded || this.#ready.length > 0) return undefined;
    return degradedError(this.#lastFailure, this.#backoff.waitMs(performance.now()));
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retryTimer);
    const { stopGraceMs } = this.#options;
    const stops = [...this.#workers.values()].map((one) =>
      one.stop("pool-closed", { graceMs: stopGraceMs }),
    );
    await Promise.all(stops);
  }

  freed(worker: Worker): void {
    // An older worker's answer says nothing of whether starting works.
    if (this.#backoff.troubled && worker.readySinceMs > this.#lastCrashMs) this.#recovered();
    this.#owner.callDone();
    if (worker.phase === "ready") this.#owner.slotFreed();
  }

  draining(worker: Worker): void {
    this.#ready = this.#ready.filter((one) => one !== worker);
    this.schedule();
  }

  logged(worker: Worker, level: LogLevel, message: string): void {
    this.#owner.emit({ name: "worker-log", workerId: worker.id, level, message });
  }

  reported(worker: Worker, report: TelemetryReport): void {
    this.#owner.emit({ name: "worker-telemetry", workerId: worker.id, ...report });
  }

  stopped(worker: Worker, reason: StopReason, exit: WorkerExit, lostCalls: number): void {
    this.#ready = this.#ready.filter((one) => one !== worker);
    this.#workers.delete(worker.id);
    this.#owner.emit({ name: "worker-stopped", workerId: worker.id, reason, exit, lostCalls });
    this.#owner.callsLost(worker, lostCalls);
    if (!worker.served && reason !== "pool-closed") this.#crashed();
    this.schedule();
  }

  #scheduleLater(waitMs: number): void {
    // Unref'd: calls that wait keep the program alive, not the wish for another worker.
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.schedule();
    }, waitMs).unref();
  }

  async #start(): Promise<void> {
    const startedMs = performance.now();
    const worker = new Worker(nextWorkerId(), { ...this.#options, launcher: this.#launcher }, this);
    this.#workers.set(worker.id, worker);
    this.#starting++;
    try {
      await worker.start();
    } catch (error) {
      this.#starting--;
      this.#workers.delete(worker.id);
      return this.#startFailed(worker, error as SnakepitError<string>);
    }
    this.#starting--;
    // It may have ended between becoming ready and now; then that is told already.
    if (worker.phase !== "ready") return this.schedule();
    this.#ready.push(worker);
    this.#slotsPerWorker = worker.concurrency;
    const startMs = performance.now() - startedMs;
    this.#owner.emit({ name: "worker-ready", workerId: worker.id, pid: worker.pid, startMs });
    this.#owner.slotFreed();
  }

  #startFailed(worker: Worker, error: SnakepitError<string>): void {
    this.#lastFailure = error;
    if (this.#closing) return;
    this.#owner.emit({ name: "worker-start-failed", workerId: worker.id, error });
    this.#crashed();
    this.schedule();
  }

  #recovered(): void {
    this.#backoff.served();
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
  }

  #crashed(): void {
    this.#lastCrashMs = performance.now();
    const wasDegraded = this.#backoff.degraded;
    this.#backoff.crashed(this.#lastCrashMs);
    const error = this.refusal();
    if (error === undefined) return;
    if (!wasDegraded) this.#owner.emit({ name: "pool-degraded", error });
    this.#owner.degraded(error);
  }
}

let lastWorkerNumber = 0;

/** Unique in this process, so that two pools never speak of the same worker. */
function nextWorkerId(): string {
  return `w${++lastWorkerNumber}`;
}
