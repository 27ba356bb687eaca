import type { Call } from "./call.ts";
import { CallEndings, type EndingsOwner } from "./call-endings.ts";
import { Circuit } from "./circuit.ts";
import { CircuitWatch } from "./circuit-watch.ts";
import type { Clock } from "./clock.ts";
import { deadlinesOn } from "./deadlines.ts";
import type { SnakepitError } from "./errors.ts";
import type { EventHub } from "./event-hub.ts";
import type { PoolEvent } from "./events.ts";
import { Fleet, type FleetOwner } from "./fleet.ts";
import type { Launcher } from "./launcher.ts";
import { LinkedList } from "./linked-list.ts";
import type { ResolvedPoolOptions } from "./options.ts";
import { lostSession, noPlaceFor, onlyWorkerFor, placeCall } from "./placement.ts";
import {
  cannotStream,
  circuitError,
  closedError,
  sessionDeleted,
  sessionEndedError,
  timeoutError,
  unknownCommand,
  workerBusyError,
} from "./pool-errors.ts";
import { QueueRoom } from "./queue-room.ts";
import { RecallWatch } from "./recall-watch.ts";
import { RetryPolicy } from "./retry.ts";
import type { PoolSession } from "./session.ts";
import { SessionVisits } from "./session-visits.ts";
import type { CallEnd } from "./slots.ts";
import { CallWatch } from "./statistics/call-watch.ts";
import { WaitingCalls } from "./waiting-calls.ts";
import type { Worker } from "./worker.ts";
import type { StopReport } from "./worker-owner.ts";

/**
 * Carries out what the scheduler decides. A call waits in `#waiting`, or to be tried again in
 * `#delayed`, or it holds a slot of a worker of the fleet; nothing else is remembered of it.
 */
export class Dispatcher implements FleetOwner, EndingsOwner {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly endings: CallEndings;
  readonly circuit: Circuit | undefined;
  readonly watch: CallWatch;
  readonly #options: ResolvedPoolOptions;
  readonly #events: EventHub;
  readonly #waiting = new WaitingCalls();
  /** They wait for the delay before their next attempt. */
  readonly #delayed = new LinkedList<Call>();
  readonly #retries = new RetryPolicy();
  readonly #room: QueueRoom;
  readonly #visits: SessionVisits;
  readonly #recalls: RecallWatch;
  readonly #circuit: CircuitWatch | undefined;
  #hasBeenReady = false;
  #isClosing = false;
  /** Set while `close` waits for the last call. */
  #onIdle: (() => void) | undefined;

  constructor(options: ResolvedPoolOptions, launcher: Launcher, events: EventHub) {
    const { clock, circuit, maxQueue } = options;
    const emit = (event: PoolEvent) => this.emit(event);
    this.#options = options;
    this.#events = events;
    this.clock = clock;
    const deadlines = deadlinesOn(clock);
    if (circuit !== undefined) {
      this.circuit = new Circuit(circuit, clock.now());
      this.#circuit = new CircuitWatch(this.circuit, clock, emit);
    }
    this.watch = new CallWatch(events, deadlines, clock, options.telemetry);
    this.fleet = new Fleet(options, launcher, this);
    const { fleet } = this;
    this.endings = new CallEndings(this, deadlines, options);
    this.#room = new QueueRoom({ maxQueue, waiting: this.#waiting, fleet, clock, emit });
    this.#visits = new SessionVisits(this.watch, options.rehydrate);
    this.#recalls = new RecallWatch(fleet, clock, (worker) => this.slotFreed(worker));
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
    const worker = placeCall(call, this.fleet, this.#waiting);
    if (worker === undefined) this.#enqueue(call);
    if (isTimed || this.#hasBeenReady) call.arm(nowMs);
    if (worker !== undefined) this.#assign(call, worker, nowMs);
  }

  /** As `submit`, when `opening` is there. Its deadline counts meanwhile, its time in the queue not. */
  submitAfter(opening: Promise<void>, call: Call, isTimed: boolean): void {
    this.watch.submitted(call);
    const refusal = this.#refusal(call) ?? this.#room.tooManyOpening(this.#delayed);
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

  #opened(call: Call): void {
    if (!this.#delayed.delete(call)) return;
    const nowMs = this.clock.now();
    try {
      const refusal = this.#refusal(call);
      if (refusal !== undefined) throw refusal;
      const worker = placeCall(call, this.fleet, this.#waiting);
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
    this.#recalls.stop();
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
    const openMs = this.#circuit?.refusedForMs();
    if (openMs !== undefined) return circuitError(openMs);
    return noPlaceFor(call);
  }

  #enqueue(call: Call): void {
    if (call.queueTimeoutMs === 0) throw workerBusyError(call, this.fleet.ready.length);
    const degraded = this.fleet.refusal();
    if (degraded !== undefined) throw degraded;
    this.#waiting.push(call, onlyWorkerFor(call));
    this.fleet.schedule();
    if (this.#room.admits()) return;
    this.#waiting.delete(call);
    throw this.#room.refusal();
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
    if (call.session !== undefined) this.#visits.begin(call, call.session, worker, nowMs);
    if (call.session?.hasEnded === true) return call.fail(sessionEndedError(call.session.id));
    if (call.stream === undefined) {
      this.watch.started(call, worker.id);
      worker.carry(call);
    } else if (worker.connection?.stream === undefined)
      call.fail(cannotStream(this.#options.adapter.name, call.command));
    else this.#assignStream(call, worker);
    if (worker.load > worker.concurrency) this.#recalls.start();
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
        this.endings.expired(call); // the host was busy when its time came: it is never sent
        continue;
      }
      this.#waiting.delete(call);
      const lost = lostSession(call);
      if (lost !== undefined) {
        call.fail(lost);
        continue;
      }
      const only = onlyWorkerFor(call);
      // It waited for any worker when its session had no home; now it has one.
      if (only !== undefined && only !== worker) this.#waiting.push(call, only);
      else this.#assignLater(call, worker, nowMs);
    }
    if (this.#waiting.size > 0) this.fleet.schedule();
  }

  /** FleetOwner: what was packed onto others while they were alone may now be better off here. */
  joined(worker: Worker): void {
    this.#recalls.start();
    this.slotFreed(worker);
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
      this.#circuit?.answered();
    } else if (end === "lost") this.#circuit?.lost(1);
    else if (end === "returned") this.#recalls.lookSoon();
    this.#checkIdle();
  }

  /** FleetOwner: a worker has gone; its calls are told right after this. */
  workerStopped(report: StopReport): void {
    this.#circuit?.workerStopped(report);
    queueMicrotask(() => this.#checkIdle());
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
      if (!call.settled) this.endings.aborted(call, sessionDeleted(call));
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
    const worker = placeCall(call, this.fleet, this.#waiting);
    if (worker !== undefined) return this.#assignLater(call, worker, this.clock.now());
    this.#waiting.pushBack(call, onlyWorkerFor(call));
    this.fleet.schedule();
  }

  /** EndingsOwner */
  withdraw(call: Call): boolean {
    const isFound = this.#waiting.delete(call) || this.#delayed.delete(call);
    if (isFound) this.#checkIdle();
    return isFound;
  }

  /** EndingsOwner: not only slots that fall free end the wait of `close`. */
  callSettled(): void {
    if (this.#onIdle !== undefined) queueMicrotask(() => this.#checkIdle());
  }
}
