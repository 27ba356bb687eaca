import type { Call, CallOwner } from "./call.ts";
import { Circuit } from "./circuit.ts";
import type { Clock } from "./clock.ts";
import { wasKilledFromOutside } from "./crash.ts";
import { type Deadlines, deadlinesOn } from "./deadlines.ts";
import type { SnakepitError } from "./errors.ts";
import type { EventHub } from "./event-hub.ts";
import type { PoolEvent } from "./events.ts";
import { Fleet, type FleetOwner } from "./fleet.ts";
import type { Launcher } from "./launcher.ts";
import { LinkedList } from "./linked-list.ts";
import type { ResolvedPoolOptions } from "./options.ts";
import {
  cancelledError,
  cannotStream,
  chunkTimeoutError,
  circuitError,
  closedError,
  queueFullError,
  queueTimeoutError,
  sessionDeleted,
  sessionEndedError,
  sessionLostError,
  timeoutError,
  unknownCommand,
  workerBusyError,
  workerLeftError,
} from "./pool-errors.ts";
import type { StreamOwner } from "./pooled-stream.ts";
import { Preparation, workerInPreparation } from "./rehydration.ts";
import { RetryPolicy } from "./retry.ts";
import { chooseForNested, choosePlacement, chooseWorker } from "./scheduler.ts";
import type { PoolSession } from "./session.ts";
import { type CallEnd, endOf } from "./slots.ts";
import { CallWatch } from "./statistics/call-watch.ts";
import { WaitingCalls } from "./waiting-calls.ts";
import type { StopReport, Worker } from "./worker.ts";

/** A packed worker that shows no progress for so long gives back what it has not begun. */
const RECALL_MS = 5;
/** The same where all calls are of sessions at home: moving costs them what the worker keeps. */
const RECALL_AT_HOME_MS = 50;

/**
 * Carries out what the scheduler decides. A call waits in `#waiting`, or to be tried again in
 * `#delayed`, or it holds a slot of a worker of the fleet; nothing else is remembered of it.
 */
export class Dispatcher implements CallOwner, StreamOwner, FleetOwner {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly circuit: Circuit | undefined;
  readonly watch: CallWatch;
  readonly #options: ResolvedPoolOptions;
  readonly #events: EventHub;
  readonly #waiting = new WaitingCalls();
  /** They wait for the delay before their next attempt. */
  readonly #delayed = new LinkedList<Call>();
  readonly #retries = new RetryPolicy();
  #hasBeenReady = false;
  #isClosing = false;
  /** Calls are being refused; told once, until a call finds room again. */
  #isSaturated = false;
  #recallTimer: Disposable | undefined;
  /** Set while `close` waits for the last call. */
  #onIdle: (() => void) | undefined;

  constructor(options: ResolvedPoolOptions, launcher: Launcher, events: EventHub) {
    this.#options = options;
    this.clock = options.clock;
    this.deadlines = deadlinesOn(options.clock);
    this.circuit =
      options.circuit === undefined ? undefined : new Circuit(options.circuit, options.clock.now());
    this.#events = events;
    this.watch = new CallWatch(events, this.deadlines, options.clock, options.telemetry);
    this.fleet = new Fleet(options, launcher, this);
  }

  get queued(): number {
    return this.#waiting.size + this.#delayed.size;
  }

  /** FleetOwner */
  emit(event: PoolEvent): void {
    this.#events.emit(event);
  }

  /**
   * To a worker with room, else into the queue. `isTimed`: its deadline counts even before the
   * first worker is ready; a default one does not, because an installation must not eat it.
   */
  submit(call: Call, isTimed: boolean): void {
    this.watch.submitted(call);
    try {
      this.#admit(call, isTimed);
    } catch (error) {
      call.refuse(error);
      throw error;
    }
  }

  #admit(call: Call, isTimed: boolean): void {
    const refusal = this.#refusal(call);
    if (refusal !== undefined) throw refusal;
    // Made a moment ago: looking at the clock again would cost a twentieth of a call.
    const { createdMs: nowMs } = call;
    if (call.timeoutMs <= 0) throw timeoutError(call, nowMs);
    const worker = this.#place(call);
    if (worker === undefined) this.#enqueue(call);
    if (isTimed || this.#hasBeenReady) call.arm(nowMs);
    if (worker !== undefined) this.#assign(call, worker, nowMs);
  }

  /** As `submit`, when `opening` is there. Its deadline counts meanwhile, its time in the queue not. */
  submitAfter(opening: Promise<void>, call: Call, isTimed: boolean): void {
    this.watch.submitted(call);
    const refusal = this.#refusal(call) ?? this.#tooManyOpening();
    if (refusal !== undefined) {
      opening.catch(() => {}); // of no interest to this call any more
      call.refuse(refusal);
      throw refusal;
    }
    this.#delayed.push(call);
    if (isTimed || this.#hasBeenReady) call.expireAt(call.endMs);
    opening.then(
      () => this.#opened(call),
      (error) => {
        if (this.#delayed.delete(call)) call.fail(error);
      },
    );
  }

  /** Calls that wait for a store are bounded as those that wait for a worker. */
  #tooManyOpening(): SnakepitError<"QUEUE_FULL"> | undefined {
    const { maxQueue } = this.#options;
    const slots = this.fleet.ready.reduce((sum, { concurrency }) => sum + concurrency, 0);
    const isFull = this.#delayed.size >= maxQueue + slots + this.fleet.slotsComing;
    return isFull && this.#delayed.size > 0 ? this.#queueFull() : undefined;
  }

  #opened(call: Call): void {
    if (!this.#delayed.delete(call)) return;
    const nowMs = this.clock.now();
    try {
      const refusal = this.#refusal(call);
      if (refusal !== undefined) throw refusal;
      const worker = this.#place(call);
      if (worker !== undefined) return this.#assign(call, worker, nowMs);
      this.#enqueue(call);
      if (call.deadlineMs < Number.POSITIVE_INFINITY) call.arm(nowMs);
    } catch (error) {
      call.fail(error);
    }
  }

  /** Resolves when no call waits or runs, at the latest after `graceMs`. */
  async settle(graceMs: number): Promise<void> {
    if (graceMs > 0 && !this.#isIdle) await this.#idle(graceMs);
    this.#isClosing = true;
    this.#recallTimer?.[Symbol.dispose]();
    for (const call of this.#takeWaiting()) call.fail(closedError());
  }

  #idle(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.startTimer(graceMs, resolve);
      this.#onIdle = () => {
        timer[Symbol.dispose]();
        resolve();
      };
    });
  }

  get #isIdle(): boolean {
    return this.queued === 0 && this.fleet.load === 0;
  }

  #checkIdle(): void {
    if (this.#onIdle !== undefined && this.#isIdle) this.#onIdle();
  }

  /** Why the call cannot even be kept waiting, if so. */
  #refusal(call: Call): SnakepitError<string> | undefined {
    if (this.#isClosing) return closedError();
    const { circuit } = this;
    const openMs =
      circuit?.phase === "closed" ? undefined : circuit?.refusedForMs(this.clock.now());
    if (openMs !== undefined) return circuitError(openMs);
    return lostSession(call) ?? leftWorker(call);
  }

  /** The worker that takes it now. */
  #place(call: Call): Worker | undefined {
    const { session, command } = call;
    const { ready } = this.fleet;
    const home = call.affinity === "none" ? undefined : session?.home;
    if (call.depth > 0) return this.#placeNested(call, home);
    if (home?.phase === "ready" && home.load < home.room(command)) return home;
    if (home !== undefined && call.affinity === "require") return undefined;
    if (!this.#waiting.isCommonEmpty) return undefined; // they came first
    if (home !== undefined || session === undefined || call.affinity === "none")
      return chooseWorker(ready, command);
    return choosePlacement(ready, command);
  }

  #placeNested(call: Call, home: Worker | undefined): Worker | undefined {
    const { ready } = this.fleet;
    const prepared = workerInPreparation(call);
    if (prepared !== undefined)
      return chooseForNested(ready.includes(prepared) ? [prepared] : [], call.command, prepared);
    if (home !== undefined && call.affinity === "require")
      return chooseForNested(ready.includes(home) ? [home] : [], call.command, undefined);
    const ancestor = this.fleet.worker(call.parent?.workerId);
    const nearby = home ?? ancestor;
    return chooseForNested(
      ready,
      call.command,
      nearby !== undefined && ready.includes(nearby) ? nearby : undefined,
    );
  }

  /** The only worker that may have it, if there is one. */
  #only(call: Call): Worker | undefined {
    const prepared = call.depth > 0 ? workerInPreparation(call) : undefined;
    return prepared ?? (call.affinity === "require" ? call.session?.home : undefined);
  }

  #enqueue(call: Call): void {
    if (call.queueTimeoutMs === 0) throw workerBusyError(call, this.fleet.ready.length);
    const degraded = this.fleet.refusal();
    if (degraded !== undefined) throw degraded;
    this.#waiting.push(call, this.#only(call));
    this.fleet.schedule();
    // Calls that a worker on its way will take are not waiting for a busy one.
    if (this.#waiting.size <= this.#options.maxQueue + this.fleet.slotsComing) {
      this.#isSaturated = false;
      return;
    }
    this.#waiting.delete(call);
    throw this.#saturated();
  }

  #saturated(): SnakepitError<"QUEUE_FULL"> {
    const error = this.#queueFull();
    const { queued, retryAfterMs } = error.details;
    const { maxQueue } = this.#options;
    const isNews = !this.#isSaturated;
    this.#isSaturated = true;
    if (isNews) this.emit({ name: "pool-saturated", queued, maxQueue, retryAfterMs });
    return error;
  }

  #queueFull(): SnakepitError<"QUEUE_FULL"> {
    return queueFullError({
      queued: this.#waiting.size,
      maxQueue: this.#options.maxQueue,
      workers: this.fleet.ready.length,
      oldestWaitedMs: this.clock.now() - (this.#waiting.oldest?.createdMs ?? this.clock.now()),
    });
  }

  /** As `#assign`, after it has waited. */
  #assignLater(call: Call, worker: Worker, nowMs: number): void {
    call.queuedMs = nowMs - call.createdMs;
    this.#assign(call, worker, nowMs);
  }

  #assign(call: Call, worker: Worker, nowMs: number): void {
    call.leaveQueue();
    const { commands } = worker;
    if (commands !== "any" && !commands.has(call.command))
      return call.fail(unknownCommand(call.command, [...commands]));
    if (call.session !== undefined) this.#visit(call, call.session, worker, nowMs);
    if (call.session?.hasEnded === true) return call.fail(sessionEndedError(call.session.id));
    if (call.stream === undefined) {
      this.watch.started(call, worker.id);
      worker.carry(call);
    } else if (worker.connection?.stream === undefined)
      call.fail(cannotStream(this.#options.adapter.name, call.command));
    else this.#assignStream(call, worker);
    if (worker.load > worker.concurrency) this.#watchPacked();
  }

  #visit(call: Call, session: PoolSession, worker: Worker, nowMs: number): void {
    session.used(nowMs);
    if (session.home !== undefined && call.affinity !== "none") {
      if (session.home === worker) this.watch.affinityHits++;
      else this.watch.affinityMisses++;
    }
    if (call.affinity === "none") session.visited(worker);
    else session.servedAt(worker, call.affinity === "require");
    if (this.#options.rehydrate !== undefined) this.#prepare(call, session, worker);
  }

  /** A worker that is new to the session must know it first. */
  #prepare(call: Call, session: PoolSession, worker: Worker): void {
    if (session.arrivalAt(worker) === undefined || workerInPreparation(call) !== undefined) return;
    const { id, process } = worker;
    call.preparation = new Preparation(call, session, worker, (reason) => {
      const { signal } = call;
      return this.#options.rehydrate?.({
        session,
        reason,
        worker: { id, pid: process?.pid },
        signal,
      });
    });
  }

  #assignStream(call: Call, worker: Worker): void {
    let source: AsyncIterator<unknown>;
    try {
      source = worker.carryStream(call);
    } catch (error) {
      return call.fail(error); // the adapter refused it: nothing was sent, no slot is taken
    }
    this.watch.started(call, worker.id);
    call.stream?.flowFrom(call, source);
  }

  /** FleetOwner: gives waiting calls to a worker that may have room. */
  slotFreed(worker: Worker): void {
    if (!this.#hasBeenReady) this.#firstReady();
    if (this.#waiting.size === 0) return;
    const nowMs = this.clock.now();
    while (worker.phase === "ready") {
      const call = this.#waiting.next(worker);
      if (call === undefined) break;
      if (call.deadlineMs <= nowMs) {
        this.expired(call); // the host was busy when its time came: it is never sent
        continue;
      }
      this.#waiting.delete(call);
      const lost = lostSession(call);
      if (lost !== undefined) {
        call.fail(lost);
        continue;
      }
      const only = this.#only(call);
      // It waited for any worker when its session had no home; now it has one.
      if (only !== undefined && only !== worker) this.#waiting.push(call, only);
      else this.#assignLater(call, worker, nowMs);
    }
    if (this.#waiting.size > 0) this.fleet.schedule();
  }

  #firstReady(): void {
    this.#hasBeenReady = true;
    const nowMs = this.clock.now();
    for (const calls of [this.#waiting, this.#delayed])
      for (const call of calls) {
        if (call.deadlineMs < Number.POSITIVE_INFINITY) continue;
        call.heldMs = Math.ceil(nowMs - call.createdMs);
        call.arm(nowMs);
      }
  }

  /** FleetOwner: calls that a new worker could take. */
  waitingForAny(): number {
    return this.#waiting.commonSize;
  }

  /** FleetOwner: a call has left its worker. */
  callDone(end: CallEnd): void {
    if (end === "answered") {
      this.#retries.callEnded();
      if (this.circuit?.answered() === true) this.emit({ name: "circuit-closed" });
    } else if (end === "lost") this.#countLost(1);
    this.#checkIdle();
  }

  /** FleetOwner: a worker has gone; its calls are told right after this. */
  workerStopped(report: StopReport): void {
    if (isOwnFault(report)) this.#countLost(report.lostCalls);
    queueMicrotask(() => this.#checkIdle());
  }

  #countLost(calls: number): void {
    const nowMs = this.clock.now();
    for (let lost = 0; lost < calls; lost++) {
      if (this.circuit?.lost(nowMs) !== true) continue;
      this.emit({ name: "circuit-opened", retryAfterMs: this.circuit.refusedForMs(nowMs) ?? 0 });
    }
  }

  /** FleetOwner: a worker takes no more calls; its sessions move, or are lost with what they keep. */
  workerLeaving(worker: Worker): void {
    for (const session of [...worker.sessions]) {
      if (session.homeGone())
        this.emit({ name: "session-lost", sessionId: session.id, workerId: worker.id });
    }
    for (const call of this.#waiting.waitingFor(worker)) {
      this.#waiting.delete(call);
      this.#again(call); // to the session's next home, unless something was lost with this one
    }
  }

  /** Calls of a session that wait or run. */
  callsOf(session: PoolSession): Call[] {
    const unsent = [...this.#waiting, ...this.#delayed].filter((call) => call.session === session);
    return [...unsent, ...[...this.fleet.all()].flatMap((worker) => worker.callsOf(session))];
  }

  /** A session was deleted: its calls end. */
  cancelSession(session: PoolSession): void {
    if (session.openCalls === 0) return;
    for (const call of this.callsOf(session))
      if (!call.settled) this.#leave(call, sessionDeleted(call));
  }

  /** FleetOwner: the calls that wait cannot be served soon. */
  degraded(error: SnakepitError<string>): void {
    for (const call of this.#takeWaiting()) call.fail(error);
    this.#checkIdle();
  }

  #takeWaiting(): Call[] {
    return [...this.#waiting.drain(), ...this.#delayed.drain()];
  }

  /** FleetOwner: takes a call back whose worker was lost or has returned it. */
  retry(call: Call, error: unknown): boolean {
    if (call.settled || this.#isClosing || (call.stream?.chunks ?? 0) > 0) return false;
    const delayMs = this.#retries.delayFor(call, error, this.clock.now());
    if (delayMs === undefined) return false;
    call.returned();
    if (delayMs === 0) this.#again(call);
    else this.#later(call, delayMs, error);
    return true;
  }

  #later(call: Call, delayMs: number, error: unknown): void {
    this.watch.retried++;
    const { callId, command, attempts } = call;
    this.emit({ name: "call-retried", callId, command, attempt: attempts + 1, delayMs, error });
    this.#delayed.push(call);
    this.clock.startTimer(delayMs, () => {
      if (this.#delayed.delete(call)) this.#again(call);
    });
  }

  #again(call: Call): void {
    const refusal = this.#refusal(call) ?? this.fleet.refusal();
    if (refusal !== undefined) return call.fail(refusal);
    const worker = this.#place(call);
    if (worker !== undefined) return this.#assignLater(call, worker, this.clock.now());
    this.#waiting.pushBack(call, this.#only(call));
    this.fleet.schedule();
  }

  /** While calls are packed onto workers, those that make no progress give them back. */
  #watchPacked(): void {
    if (this.#recallTimer !== undefined || this.fleet.ready.length < 2) return;
    this.#recallTimer = this.clock.startTimer(RECALL_MS, () => {
      this.#recallTimer = undefined;
      const { ready } = this.fleet;
      const packed = ready.filter(({ load, concurrency }) => load > concurrency);
      if (ready.some(({ load, concurrency }) => load < concurrency))
        for (const worker of packed) {
          worker.recall(worker.hasStrangers ? RECALL_MS : RECALL_AT_HOME_MS);
        }
      if (packed.length > 0) this.#watchPacked();
    });
  }

  /** CallOwner */
  expired(call: Call): void {
    const nowMs = this.clock.now();
    if (nowMs < call.endMs && call.queueTimeoutMs !== undefined) {
      // A worker on its way is no busy one: the clock of waiting begins anew.
      if (this.fleet.starting > 0) return call.arm(nowMs);
      return this.#leave(call, queueTimeoutError(call, nowMs));
    }
    if (call.stream === undefined || nowMs >= call.endMs)
      return this.#leave(call, timeoutError(call, nowMs));
    // Of a stream: nobody waits for a chunk, or somebody has waited too long.
    if (!call.stream.isWaiting) return call.expireAt(call.endMs);
    this.#leave(call, chunkTimeoutError(call, this.#options.chunkTimeoutMs));
  }

  /** CallOwner */
  aborted(call: Call, reason: unknown): void {
    this.#leave(call, reason);
  }

  /** StreamOwner */
  left(call: Call): void {
    call.succeed(undefined); // it has what it wanted
    this.#letGo(call, cancelledError(call, "the reader has left"));
  }

  /** CallOwner */
  abandoned(call: Call): void {
    const worker = this.fleet.worker(call.workerId);
    if (worker === undefined) return;
    const { callId, command } = call;
    this.emit({ name: "call-abandoned", workerId: worker.id, callId, command });
    worker.abandon(call);
  }

  /** CallOwner: a slot that waits for the host may be used by calls that the host makes for it. */
  parked(call: Call, isParked: boolean): void {
    const worker = this.fleet.worker(call.workerId);
    worker?.park(call, isParked);
    if (isParked && worker !== undefined && this.#waiting.size > 0) this.slotFreed(worker);
  }

  /** The caller is answered at once; the slot stays taken until the worker confirms. */
  #leave(call: Call, error: unknown): void {
    call.fail(error);
    this.#letGo(call, error);
  }

  #letGo(call: Call, reason: unknown): void {
    if (this.#waiting.delete(call) || this.#delayed.delete(call)) return this.#checkIdle();
    if (call.preparation !== undefined) return this.#giveUpUnsent(call, reason);
    call.requestCancel(reason, this.#options.cancelGraceMs);
    const confirm = () => this.ended(call);
    call.stream?.endSource().then(confirm, confirm);
  }

  /** Its worker knows nothing of it, and is free again at once. */
  #giveUpUnsent(call: Call, reason: unknown): void {
    call.endUnsent(reason);
    call.preparation?.giveUp();
    this.fleet.worker(call.workerId)?.release(call, "returned");
    call.stream?.endSource().catch(() => {}); // it has no source yet
  }

  /** StreamOwner */
  waiting(call: Call): void {
    call.expireAt(Math.min(this.clock.now() + this.#options.chunkTimeoutMs, call.endMs));
  }

  /** StreamOwner */
  ended(call: Call, failure?: { readonly error: unknown }): void {
    const worker = this.fleet.worker(call.workerId);
    const end = failure === undefined ? "answered" : endOf(failure.error);
    if (worker?.release(call, end) !== true) return;
    if (failure === undefined) call.succeed(undefined);
    else {
      const error = worker.cleaned(failure.error);
      if (!this.retry(call, error)) call.fail(error);
    }
  }

  /** CallOwner */
  succeeded(call: Call): void {
    this.watch.answered(call);
    this.#afterAnswer();
  }

  /** CallOwner */
  failed(call: Call, error: unknown): void {
    this.watch.failedWith(call, error);
    this.#afterAnswer();
  }

  #afterAnswer(): void {
    // Not only slots that fall free end the wait of `close`: a call may fail without one.
    if (this.#onIdle !== undefined) queueMicrotask(() => this.#checkIdle());
  }
}

/** What its session kept on a worker is gone with it. */
function lostSession(call: Call): SnakepitError<"SESSION_LOST"> | undefined {
  const { session, affinity } = call;
  if (affinity !== "require" || session?.lostWorkerId === undefined) return undefined;
  return sessionLostError(session.id, session.lostWorkerId);
}

/** The worker that it helps to make ready takes nothing any more. */
function leftWorker(call: Call): SnakepitError<"WORKER_EXITED"> | undefined {
  const worker = call.depth > 0 ? workerInPreparation(call) : undefined;
  const isLeft = worker?.phase === "draining" || worker?.phase === "stopped";
  return isLeft ? workerLeftError(call, worker.id) : undefined;
}

/** What a worker ended of may lie in its calls. */
function isOwnFault({ reason, exit, cause }: StopReport): boolean {
  if (cause === "stopped") return reason === "memory-exceeded" || reason === "hung";
  return !wasKilledFromOutside(exit, cause);
}
