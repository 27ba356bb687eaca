import { type Follower, follow, unfollow } from "./abort-followers.ts";
import type { Affinity, CallContext, CancelListener, Correlation } from "./adapter.ts";
import type { Clock } from "./clock.ts";
import { correlationOf, isTracing } from "./correlation.ts";
import { type Deadlines, type Expiring, NO_SLOT } from "./deadlines.ts";
import { runInside } from "./host-work.ts";
import type { Linked } from "./linked-list.ts";
import { afterAttempt, parentEnded } from "./pool-errors.ts";
import type { Preparation } from "./rehydration.ts";
import type { PoolSession } from "./session.ts";

/** Who is told how a call ended: the promise of `execute`, or the reader of a stream. */
export interface CallSink {
  succeed(value: unknown): void;
  fail(error: unknown): void;
}

/** The reader of a call whose answer is a stream, as the pool sees it. */
export interface CallStream extends CallSink {
  /** Somebody waits for a chunk. */
  readonly isWaiting: boolean;
  /** Handed over so far. After the first the stream can no longer begin anew. */
  readonly chunks: number;
  /** A worker has taken the call: chunks come from here now. */
  flowFrom(call: Call, source: AsyncIterator<unknown>): void;
  /** Leaves the source; resolves when the worker is done with it. */
  endSource(): Promise<void>;
}

/** The pool, as a call sees it. */
export interface CallOwner {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** The deadline has come. */
  expired(call: Call): void;
  /** The caller's own signal has fired, or the call that this one serves has ended. */
  aborted(call: Call, reason: unknown): void;
  /** The worker has not confirmed a cancel within its grace. */
  abandoned(call: Call): void;
  /** Work of the host's begins (`true`) or ends on behalf of the call. */
  parked(call: Call, isParked: boolean): void;
  /** The caller has its answer, */
  succeeded(call: Call): void;
  /** or an error. */
  failed(call: Call, error: unknown): void;
}

/** What a call is made of. */
export interface CallInput {
  readonly command: string;
  readonly args: unknown;
  readonly sink: CallSink;
  /** The sink, when the answer is a stream. */
  readonly stream: CallStream | undefined;
  /** As the caller gave it or by default; Infinity is no deadline. */
  readonly timeoutMs: number;
}

let lastNumber = 0;

/**
 * One call, from the caller's hand to its end. Its caller is answered exactly once, by whatever
 * comes first; what the worker still does about it is the business of the slot that it holds.
 * Everything an adapter asks for now and then (id, signal) is made when it is first asked for.
 */
export class Call implements CallContext, Expiring, Follower, Linked<Call> {
  readonly command: string;
  readonly args: unknown;
  readonly stream: CallStream | undefined;
  /** As the caller gave it or by default; of a nested call no more than its ancestor has left. */
  timeoutMs: number;
  readonly createdMs: number;
  /** How much later its clock began: a default deadline waits for the first ready worker. */
  heldMs = 0;
  /** Until a worker took it, in the last attempt. */
  queuedMs = 0;
  /** A default deadline is armed only once the pool has had a ready worker. */
  deadlineMs = Number.POSITIVE_INFINITY;
  /** How long it may wait for a slot. */
  queueTimeoutMs: number | undefined = undefined;
  session: PoolSession | undefined = undefined;
  affinity: Affinity = "none";
  correlationId: string | undefined = undefined;
  /** May be sent again when nobody knows whether it was done. */
  idempotent = false;
  /** How often it was given to a worker that then was lost. */
  attempts = 0;
  /** How often a worker has given it back without having begun it. */
  returns = 0;
  /** The call on whose behalf the host has made this one, and how many there are above it. */
  parent: Call | undefined = undefined;
  depth = 0;
  /** The links of the list that holds the call: a line of waiting ones, or those of a worker. */
  list: object | undefined = undefined;
  next: Call | undefined = undefined;
  previous: Call | undefined = undefined;
  wheelNext: Expiring | undefined = undefined;
  wheelPrevious: Expiring | undefined = undefined;
  wheelSlot = NO_SLOT;
  /** The caller has its answer. */
  settled = false;
  /** It was not even kept waiting. */
  isRefused = false;
  /** By a signal of the caller's, or of the call that it serves. */
  isAborted = false;
  /** The adapter's own, between the worker's reply and its caller. */
  transform: ((reply: unknown) => unknown) | undefined = undefined;
  /** What has to be done on its worker before it is sent; absent when that is nothing, or done. */
  preparation: Preparation | undefined = undefined;
  /** Of the worker that carries the call, once there is one. */
  workerId: string | undefined = undefined;
  readonly number = ++lastNumber;
  readonly #owner: CallOwner;
  readonly #sink: CallSink;
  #callerSignal: AbortSignal | undefined;
  #controller: AbortController | undefined;
  #listener: CancelListener | undefined;
  #graceLeftMs = 0;
  #cancelReason: { readonly reason: unknown } | undefined;
  /** Works of the host's that go on for this attempt; an earlier one's count no more. */
  #hostWorks: { count: number } | undefined = undefined;
  /** Calls that the host makes for this one. */
  #nested: Set<Call> | undefined;

  constructor(owner: CallOwner, input: CallInput) {
    this.#owner = owner;
    this.#sink = input.sink;
    this.command = input.command;
    this.args = input.args;
    this.stream = input.stream;
    this.createdMs = owner.clock.now();
    this.timeoutMs = input.timeoutMs;
  }

  get callId(): string {
    return `call-${this.number}`;
  }

  get correlation(): Correlation | undefined {
    if (this.correlationId === undefined && !isTracing()) return undefined;
    return correlationOf(this.callId, this.correlationId);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#cancelReason !== undefined) this.#controller.abort(this.#cancelReason.reason);
    return this.#controller.signal;
  }

  onCancel(listener: CancelListener): void {
    if (this.#cancelReason !== undefined) listener.cancel();
    else this.#listener = listener;
  }

  async callHost<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    this.#hostWorks ??= { count: 0 };
    const works = this.#hostWorks;
    if (works.count++ === 0) this.#owner.parked(this, true);
    try {
      return await runInside(this, work);
    } finally {
      if (--works.count === 0 && works === this.#hostWorks) this.#owner.parked(this, false);
    }
  }

  /** When the caller wants to hear something at the latest. */
  get endMs(): number {
    return this.createdMs + this.heldMs + this.timeoutMs;
  }

  /** Starts the clock, and that of waiting. */
  arm(nowMs: number): void {
    const { endMs, queueTimeoutMs } = this;
    this.expireAt(queueTimeoutMs === undefined ? endMs : Math.min(endMs, nowMs + queueTimeoutMs));
  }

  /** It has a slot: from now on only `timeoutMs` counts. */
  leaveQueue(): void {
    if (this.queueTimeoutMs === undefined) return;
    this.queueTimeoutMs = undefined;
    this.expireAt(this.endMs);
  }

  /** Starts or changes the clock. Infinity, before it was ever started, leaves it off. */
  expireAt(deadlineMs: number): void {
    if (!this.settled) this.#owner.deadlines.change(this, deadlineMs);
  }

  follow(signal: AbortSignal): void {
    this.#callerSignal = signal;
    follow(signal, this);
  }

  /** Ends with `parent`, in whatever way that ends: nobody waits for the answer then. */
  serve(parent: Call, depth: number): void {
    this.parent = parent;
    this.depth = depth;
    this.correlationId ??= parent.correlationId;
    this.timeoutMs = Math.min(this.timeoutMs, Math.floor(parent.endMs - this.createdMs));
  }

  /** It is on its way: from now on it hears of the end of the call that it serves. */
  joinParent(): void {
    if (this.parent === undefined || this.settled) return;
    this.parent.#nested ??= new Set();
    this.parent.#nested.add(this);
  }

  /** The caller's signal has fired. */
  abortedBy(signal: AbortSignal): void {
    this.isAborted = true;
    this.#owner.aborted(this, signal.reason);
  }

  /** The wheel has reached `deadlineMs`: the caller's deadline, or the grace of a cancel. */
  expire(): void {
    if (!this.settled) return this.#owner.expired(this);
    // In two halves: a host that was blocked finds its timers due before it has read what waits.
    if (this.#graceLeftMs === 0) return this.#owner.abandoned(this);
    const leftMs = this.#graceLeftMs;
    this.#graceLeftMs = 0;
    this.#owner.deadlines.change(this, this.#owner.clock.now() + leftMs);
  }

  succeed(value: unknown): void {
    if (this.settled) return;
    let reply = value;
    try {
      if (this.transform !== undefined) reply = this.transform(value);
    } catch (error) {
      return this.fail(error);
    }
    this.#settle();
    this.#owner.succeeded(this);
    this.#sink.succeed(reply);
    this.#endNested();
  }

  fail(error: unknown): void {
    if (!this.#settle()) return;
    const told = this.attempts > 0 ? afterAttempt(error) : error;
    this.#owner.failed(this, told);
    this.#sink.fail(told);
    this.#endNested(error);
  }

  /** The pool does not take it; whoever has made it tells its caller. */
  refuse(error: unknown): void {
    if (!this.#settle()) return;
    this.isRefused = true;
    this.#owner.failed(this, error);
  }

  /** Asks the worker to stop; when it has not confirmed after `graceMs`, the owner hears of it. */
  requestCancel(reason: unknown, graceMs: number): void {
    if (this.#cancelReason !== undefined) return;
    this.#cancelReason = { reason };
    this.#graceLeftMs = graceMs / 2;
    this.#owner.deadlines.change(this, this.#owner.clock.now() + graceMs / 2);
    this.#listener?.cancel();
    this.#controller?.abort(reason);
  }

  /** It ends without ever having been sent: whoever works for it in the host hears of that. */
  endUnsent(reason: unknown): void {
    this.#cancelReason ??= { reason };
    this.#controller?.abort(reason);
  }

  /** Its worker has it; before that nothing can have been done. */
  get isSent(): boolean {
    return this.workerId !== undefined && this.preparation === undefined;
  }

  /** The worker that had it is gone or has given it back; the next one starts from the beginning. */
  returned(): void {
    this.workerId = undefined;
    this.preparation = undefined;
    this.#listener = undefined;
    this.#hostWorks = undefined;
    this.#endNested();
  }

  /** Nobody waits any more for what the host has called on its behalf. */
  #endNested(cause?: unknown): void {
    if (this.#nested === undefined) return;
    const nested = this.#nested;
    this.#nested = undefined;
    for (const call of nested) {
      call.isAborted = this.isAborted;
      this.#owner.aborted(call, parentEnded(call, this, cause));
    }
  }

  /** The worker is done with the call, or gone. A call that is tried again keeps its deadline. */
  confirm(): void {
    if (this.settled) this.#owner.deadlines.remove(this);
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    if (this.session !== undefined) this.session.openCalls--;
    this.#owner.deadlines.remove(this);
    if (this.#callerSignal !== undefined) unfollow(this.#callerSignal, this);
    if (this.parent !== undefined) this.parent.#nested?.delete(this);
    return true;
  }
}
