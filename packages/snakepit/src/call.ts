import type { CallContext, CancelListener, Session } from "./adapter.ts";
import { deadlines, type Expiring, NO_SLOT } from "./deadlines.ts";
import type { Linked } from "./linked-list.ts";

/** Who is told how a call ended: the promise of `execute`, or the reader of a stream. */
export interface CallSink {
  succeed(value: unknown): void;
  fail(error: unknown): void;
}

/** The pool, as a call sees it. */
export interface CallOwner {
  /** The deadline has come. */
  expired(call: Call): void;
  /** The caller's own signal has fired. */
  aborted(call: Call, reason: unknown): void;
  /** The worker has not confirmed a cancel within its grace. */
  abandoned(call: Call): void;
  /** The caller has its answer. */
  answered(outcome: "succeeded" | "failed"): void;
}

let lastNumber = 0;

/**
 * One call, from the caller's hand to its end. Its caller is answered exactly once, by whatever
 * comes first; what the worker still does about it is the business of the slot that it holds.
 * Everything an adapter asks for now and then (id, signal) is made when it is first asked for.
 */
export class Call implements CallContext, Expiring, Linked<Call> {
  readonly command: string;
  readonly args: unknown;
  /** As the caller gave it or by default; Infinity is no deadline. */
  timeoutMs: number;
  readonly createdMs = performance.now();
  readonly session: Session | undefined = undefined;
  /** A default deadline is armed only once the pool has had a ready worker. */
  deadlineMs = Number.POSITIVE_INFINITY;
  /** The links of the list that holds the call: the queue, or the calls of a worker. */
  list: object | undefined = undefined;
  next: Call | undefined = undefined;
  previous: Call | undefined = undefined;
  wheelNext: Expiring | undefined = undefined;
  wheelPrevious: Expiring | undefined = undefined;
  wheelSlot = NO_SLOT;
  /** The caller has its answer. */
  settled = false;
  /** The adapter's own, between the worker's reply and its caller. */
  transform: ((reply: unknown) => unknown) | undefined = undefined;
  /** Of the worker that carries the call, once there is one. */
  workerId: string | undefined = undefined;
  readonly #number = ++lastNumber;
  readonly #owner: CallOwner;
  readonly #sink: CallSink;
  #callerSignal: AbortSignal | undefined;
  #controller: AbortController | undefined;
  #listener: CancelListener | undefined;
  #graceLeftMs = 0;
  #cancelReason: { readonly reason: unknown } | undefined;

  constructor(owner: CallOwner, sink: CallSink, command: string, args: unknown, timeoutMs: number) {
    this.#owner = owner;
    this.#sink = sink;
    this.command = command;
    this.args = args;
    this.timeoutMs = timeoutMs;
  }

  get callId(): string {
    return `call-${this.#number}`;
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

  /** Calls made by `work` are ordinary calls for now. */
  async callHost<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    return work();
  }

  /** Starts the clock of `timeoutMs`. */
  arm(): void {
    this.expireAt(this.createdMs + this.timeoutMs);
  }

  /** Starts or changes the clock. Infinity, before it was ever started, leaves it off. */
  expireAt(deadlineMs: number): void {
    if (!this.settled) deadlines.change(this, deadlineMs);
  }

  follow(signal: AbortSignal): void {
    this.#callerSignal = signal;
    signal.addEventListener("abort", this, { once: true });
  }

  /** The caller's signal has fired. */
  handleEvent(): void {
    this.#owner.aborted(this, this.#callerSignal?.reason);
  }

  /** The wheel has reached `deadlineMs`: the caller's deadline, or the grace of a cancel. */
  expire(): void {
    if (!this.settled) return this.#owner.expired(this);
    // In two halves: a host that was blocked finds its timers due before it has read what waits.
    if (this.#graceLeftMs === 0) return this.#owner.abandoned(this);
    const leftMs = this.#graceLeftMs;
    this.#graceLeftMs = 0;
    deadlines.change(this, performance.now() + leftMs);
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
    this.#owner.answered("succeeded");
    this.#sink.succeed(reply);
  }

  fail(error: unknown): void {
    if (!this.#settle()) return;
    this.#owner.answered("failed");
    this.#sink.fail(error);
  }

  /** Asks the worker to stop; when it has not confirmed after `graceMs`, the owner hears of it. */
  requestCancel(reason: unknown, graceMs: number): void {
    if (this.#cancelReason !== undefined) return;
    this.#cancelReason = { reason };
    this.#graceLeftMs = graceMs / 2;
    deadlines.change(this, performance.now() + graceMs / 2);
    this.#listener?.cancel();
    this.#controller?.abort(reason);
  }

  /** The worker is done with the call, or gone. */
  confirm(): void {
    deadlines.remove(this);
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    deadlines.remove(this);
    this.#callerSignal?.removeEventListener("abort", this);
    return true;
  }
}
