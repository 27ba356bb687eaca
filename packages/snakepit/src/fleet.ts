import { availableParallelism } from "node:os";
import type { Correlation, TelemetryReport } from "./adapter.ts";
import { Backoff } from "./backoff.ts";
import type { Call } from "./call.ts";
import { wasKilledFromOutside } from "./crash.ts";
import type { SnakepitError } from "./errors.ts";
import type { PoolEvent } from "./events.ts";
import type { Launcher } from "./launcher.ts";
import type { LogLevel } from "./log-level.ts";
import type { ResolvedPoolOptions } from "./options.ts";
import { closedError, degradedError, unservedError } from "./pool-errors.ts";
import { startsWanted } from "./scheduler.ts";
import type { CallEnd } from "./slots.ts";
import { Worker } from "./worker.ts";
import type { StopReport, WorkerOwner } from "./worker-owner.ts";

/** Importing is what a start costs, so that more starts than cores only make each of them slower. */
export const MAX_STARTING = availableParallelism();

/** The calls, as the set of workers sees them. */
export interface FleetOwner {
  /** Calls that wait for a slot of whichever worker. */
  waitingForAny(): number;
  /** A call has left its worker. */
  callDone(end: CallEnd): void;
  /** A worker may have room now. */
  slotFreed(worker: Worker): void;
  /** A worker is new among those that take calls, or is one of them again. */
  joined(worker: Worker): void;
  /** A worker takes no more calls, for ever: what is at home there must move. */
  workerLeaving(worker: Worker): void;
  workerStopped(report: StopReport): void;
  retry(call: Call, error: unknown): boolean;
  /** Nobody serves and starting does not work: waiting calls should be told. */
  degraded(error: SnakepitError<string>): void;
  emit(event: PoolEvent): void;
}

/** The workers of a pool: starts as many as the scheduler wants, and replaces those that end. */
export class Fleet implements WorkerOwner {
  /** They change when the pool is resized. */
  minWorkers: number;
  maxWorkers: number;
  /** A worker has had its `maxCalls`. */
  onWorn: (() => void) | undefined;
  readonly #options: ResolvedPoolOptions;
  readonly #launcher: Launcher;
  readonly #owner: FleetOwner;
  readonly #backoff = new Backoff();
  readonly #workers = new Map<string, Worker>();
  /** Those that take calls, in the order of their start. */
  #ready: Worker[] = [];
  #starting = 0;
  #slotsPerWorker = 1;
  /** When the present trouble with starts began. */
  #troubledSinceMs = 0;
  /** What the last workers were lost with that had not served yet. */
  #lastLostWith: string | undefined;
  #lastFailure: SnakepitError<string> | undefined;
  #retryTimer: Disposable | undefined;
  #closing = false;

  constructor(options: ResolvedPoolOptions, launcher: Launcher, owner: FleetOwner) {
    this.#options = options;
    this.minWorkers = options.minWorkers;
    this.maxWorkers = options.maxWorkers;
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

  /** Calls on all workers. */
  get load(): number {
    let load = 0;
    for (const worker of this.#workers.values()) load += worker.load;
    return load;
  }

  get lastFailure(): SnakepitError<string> | undefined {
    return this.#lastFailure;
  }

  get isClosing(): boolean {
    return this.#closing;
  }

  all(): IterableIterator<Worker> {
    return this.#workers.values();
  }

  worker(id: string | undefined): Worker | undefined {
    return id === undefined ? undefined : this.#workers.get(id);
  }

  /** So many workers, side by side as far as the cores allow. Failures are kept, not thrown. */
  async startMany(count: number): Promise<void> {
    let left = count;
    const lane = async () => {
      while (left-- > 0 && this.#isShort) await this.startOne();
    };
    await Promise.all(Array.from({ length: Math.min(count, MAX_STARTING) }, lane));
  }

  /** Calls that wait may have had workers started for them in the meantime. */
  get #isShort(): boolean {
    const coming = this.#ready.length + this.#suspects() + this.#starting;
    return !this.#closing && coming < this.minWorkers;
  }

  /** Starts what the scheduler wants, now or when the backoff allows it. */
  schedule(): void {
    if (this.#closing || this.#retryTimer !== undefined) return;
    // Asked with each call that waits: most of the time there is nothing left to start.
    if (this.#ready.length + this.#starting >= this.maxWorkers) return;
    const ready = this.#ready.length + this.#suspects();
    const wanted = startsWanted({
      queued: this.#owner.waitingForAny(),
      starting: this.#starting,
      ready,
      concurrency: this.#slotsPerWorker,
      minWorkers: this.minWorkers,
      maxWorkers: this.maxWorkers,
      maxStarting: MAX_STARTING,
    });
    if (wanted === 0) return;
    const waitMs = this.#backoff.waitMs(this.#options.clock.now());
    if (waitMs > 0) return this.#scheduleLater(waitMs);
    // After trouble one start at a time finds out whether it is over.
    const count = this.#backoff.troubled
      ? Math.min(wanted, 1 - Math.min(1, this.#starting))
      : wanted;
    for (let started = 0; started < count; started++) void this.#startAndGoOn();
  }

  /** After trouble starts come one by one, and nobody else may ask for the next. */
  async #startAndGoOn(): Promise<void> {
    await this.startOne();
    this.schedule();
  }

  /** Whether trouble with starts leaves room for one more that nobody waits for. */
  get mayStart(): boolean {
    const waitMs = this.#backoff.waitMs(this.#options.clock.now());
    return !this.#closing && waitMs === 0 && (!this.#backoff.troubled || this.#starting === 0);
  }

  /** Why a new call cannot be kept waiting, if so. */
  refusal(): SnakepitError<"POOL_DEGRADED"> | undefined {
    if (!this.#backoff.degraded || this.#ready.length > 0) return undefined;
    return degradedError(this.#lastFailure, this.#backoff.waitMs(this.#options.clock.now()));
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#retryTimer?.[Symbol.dispose]();
    const { stopGraceMs } = this.#options;
    const stops = [...this.#workers.values()].map((one) =>
      one.stop("pool-closed", { graceMs: stopGraceMs }),
    );
    await Promise.all(stops);
  }

  freed(worker: Worker, end: CallEnd): void {
    const isAnswer = end === "answered";
    // An older worker's answer says nothing of whether starting works.
    if (isAnswer && this.#backoff.isCounting && worker.readySinceMs > this.#troubledSinceMs)
      this.#recovered();
    this.#owner.callDone(end);
    if (worker.calls === this.#options.maxCalls) this.onWorn?.();
    if (worker.phase === "ready") this.#owner.slotFreed(worker);
  }

  withdrawn(worker: Worker): void {
    this.#ready = this.#ready.filter((one) => one !== worker);
    const { id: workerId } = worker;
    if (worker.phase === "suspect") this.#owner.emit({ name: "worker-suspect", workerId });
    else {
      const reason = worker.stopReason ?? "exited";
      this.#owner.emit({ name: "worker-draining", workerId, reason });
      this.#owner.workerLeaving(worker);
    }
    this.schedule();
  }

  /** They may yet be heard: a machine that is too busy to answer needs no more workers. */
  #suspects(): number {
    return [...this.#workers.values()].filter(({ phase }) => phase === "suspect").length;
  }

  recovered(worker: Worker): void {
    this.#ready.push(worker);
    this.#owner.emit({ name: "worker-recovered", workerId: worker.id });
    this.#owner.joined(worker);
  }

  logged(worker: Worker, level: LogLevel, message: string, correlation?: Correlation): void {
    this.#owner.emit({ name: "worker-log", workerId: worker.id, level, message, correlation });
  }

  reported(worker: Worker, report: TelemetryReport): void {
    const { event, measurements, metadata, correlation } = report;
    const told = { event, measurements, metadata, correlation };
    this.#owner.emit({ name: "worker-telemetry", workerId: worker.id, ...told });
  }

  retry(call: Call, error: unknown): boolean {
    return this.#owner.retry(call, error);
  }

  stopped(worker: Worker, report: StopReport): void {
    this.#ready = this.#ready.filter((one) => one !== worker);
    this.#workers.delete(worker.id);
    // Nothing is left to leave for one that was draining; a suspect may end without that.
    this.#owner.workerLeaving(worker);
    this.#owner.emit({ name: "worker-stopped", workerId: worker.id, ...report });
    this.#owner.workerStopped(report);
    if (!worker.served) this.#endedUnserved(worker, report);
    this.schedule();
  }

  /** The worker, once it is ready; undefined when it did not come up, which is told elsewhere. */
  async startOne(): Promise<Worker | undefined> {
    if (this.#closing) return undefined;
    const { clock } = this.#options;
    const startedMs = clock.now();
    const worker = new Worker(nextWorkerId(), { ...this.#options, launcher: this.#launcher }, this);
    this.#workers.set(worker.id, worker);
    this.#starting++;
    this.#owner.emit({ name: "worker-starting", workerId: worker.id });
    try {
      await worker.start();
    } catch (error) {
      this.#starting--;
      this.#workers.delete(worker.id);
      this.#startFailed(worker, error as SnakepitError<string>);
      return undefined;
    }
    this.#starting--;
    // It may have ended between becoming ready and now; then that is told already.
    if (worker.phase !== "ready") {
      this.schedule();
      return undefined;
    }
    this.#ready.push(worker);
    this.#slotsPerWorker = worker.concurrency;
    const { id: workerId, process } = worker;
    const startMs = clock.now() - startedMs;
    this.#owner.emit({ name: "worker-ready", workerId, pid: process?.pid, startMs });
    this.#owner.joined(worker);
    return worker;
  }

  /** @throws what the last start failed of, when not one worker is there */
  checkServing(): void {
    if (this.minWorkers > 0 && this.#ready.length === 0) throw this.#lastFailure ?? closedError();
  }

  #scheduleLater(waitMs: number): void {
    // Calls that wait keep the program alive, not the wish for another worker.
    this.#retryTimer = this.#options.clock.startTimer(waitMs, () => {
      this.#retryTimer = undefined;
      this.schedule();
    });
  }

  #startFailed(worker: Worker, error: SnakepitError<string>): void {
    this.#lastFailure = error;
    if (this.#closing) return;
    this.#owner.emit({ name: "worker-start-failed", workerId: worker.id, error });
    this.#crashed();
    this.schedule();
  }

  #recovered(): void {
    const wasDegraded = this.#backoff.degraded;
    this.#backoff.served();
    this.#retryTimer?.[Symbol.dispose]();
    this.#retryTimer = undefined;
    if (wasDegraded) this.#owner.emit({ name: "pool-recovered" });
    this.schedule();
  }

  #endedUnserved(worker: Worker, { exit, cause, stderr }: StopReport): void {
    if (cause === "stopped") return;
    this.#lastFailure = unservedError(worker.id, exit, stderr);
    if (!wasKilledFromOutside(exit, cause)) return this.#crashed();
    const lostWith = exit.kind === "lost" ? exit.with : undefined;
    // The others that went with it are the same mishap.
    if (lostWith !== undefined && lostWith === this.#lastLostWith) return;
    this.#lastLostWith = lostWith;
    this.#troubled((nowMs) => this.#backoff.killed(nowMs));
  }

  #crashed(): void {
    this.#troubled((nowMs) => this.#backoff.crashed(nowMs));
  }

  #troubled(count: (nowMs: number) => void): void {
    const nowMs = this.#options.clock.now();
    if (!this.#backoff.isCounting) this.#troubledSinceMs = nowMs;
    const wasDegraded = this.#backoff.degraded;
    count(nowMs);
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
