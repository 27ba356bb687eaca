import type { Call, CallOwner } from "./call.ts";
import type { Clock } from "./clock.ts";
import type { Deadlines } from "./deadlines.ts";
import type { PoolEvent } from "./events.ts";
import type { Fleet } from "./fleet.ts";
import type { ResolvedPoolOptions } from "./options.ts";
import {
  cancelledError,
  chunkTimeoutError,
  queueTimeoutError,
  timeoutError,
} from "./pool-errors.ts";
import type { StreamOwner } from "./pooled-stream.ts";
import { endOf } from "./slots.ts";
import type { CallWatch } from "./statistics/call-watch.ts";
import type { Worker } from "./worker.ts";

/** The dispatcher, as the ends of calls see it. */
export interface EndingsOwner {
  readonly fleet: Fleet;
  readonly watch: CallWatch;
  /** Takes it out of the line in which it waits. False when it waits in none. */
  withdraw(call: Call): boolean;
  /** Takes a call back that is to be tried again; false when its caller must be told. */
  retry(call: Call, error: unknown): boolean;
  /** A worker may have room now. */
  slotFreed(worker: Worker): void;
  /** A caller has its answer. */
  callSettled(): void;
  emit(event: PoolEvent): void;
}

/** How calls end: answered, expired, cancelled, or left by their readers. */
export class CallEndings implements CallOwner, StreamOwner {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly #owner: EndingsOwner;
  readonly #chunkTimeoutMs: number;
  readonly #cancelGraceMs: number;

  constructor(
    owner: EndingsOwner,
    deadlines: Deadlines,
    { clock, chunkTimeoutMs, cancelGraceMs }: ResolvedPoolOptions,
  ) {
    this.#owner = owner;
    this.deadlines = deadlines;
    this.clock = clock;
    this.#chunkTimeoutMs = chunkTimeoutMs;
    this.#cancelGraceMs = cancelGraceMs;
  }

  /** CallOwner */
  expired(call: Call): void {
    const nowMs = this.clock.now();
    if (nowMs < call.endMs && call.queueTimeoutMs !== undefined) {
      // A worker on its way is no busy one: the clock of waiting begins anew.
      if (this.#owner.fleet.starting > 0) return call.arm(nowMs);
      return this.#leave(call, queueTimeoutError(call, nowMs));
    }
    if (call.stream === undefined || nowMs >= call.endMs)
      return this.#leave(call, timeoutError(call, nowMs));
    // Of a stream: nobody waits for a chunk, or somebody has waited too long.
    if (!call.stream.isWaiting) return call.expireAt(call.endMs);
    this.#leave(call, chunkTimeoutError(call, this.#chunkTimeoutMs));
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
    const worker = this.#owner.fleet.worker(call.workerId);
    if (worker === undefined) return;
    const { callId, command } = call;
    this.#owner.emit({ name: "call-abandoned", workerId: worker.id, callId, command });
    worker.abandon(call);
  }

  /** CallOwner: a slot that waits for the host may be used by calls that the host makes for it. */
  parked(call: Call, isParked: boolean): void {
    const worker = this.#owner.fleet.worker(call.workerId);
    worker?.park(call, isParked);
    if (isParked && worker !== undefined) this.#owner.slotFreed(worker);
  }

  /** The caller is answered at once; the slot stays taken until the worker confirms. */
  #leave(call: Call, error: unknown): void {
    call.fail(error);
    this.#letGo(call, error);
  }

  #letGo(call: Call, reason: unknown): void {
    if (this.#owner.withdraw(call)) return;
    if (call.preparation !== undefined) return this.#giveUpUnsent(call, reason);
    call.requestCancel(reason, this.#cancelGraceMs);
    const confirm = () => this.ended(call);
    call.stream?.endSource().then(confirm, confirm);
  }

  /** Its worker knows nothing of it, and is free again at once. */
  #giveUpUnsent(call: Call, reason: unknown): void {
    call.endUnsent(reason);
    call.preparation?.giveUp();
    this.#owner.fleet.worker(call.workerId)?.release(call, "returned");
    call.stream?.endSource().catch(() => {}); // it has no source yet
  }

  /** StreamOwner */
  waiting(call: Call): void {
    call.expireAt(Math.min(this.clock.now() + this.#chunkTimeoutMs, call.endMs));
  }

  /** StreamOwner */
  ended(call: Call, failure?: { readonly error: unknown }): void {
    const worker = this.#owner.fleet.worker(call.workerId);
    const end = failure === undefined ? "answered" : endOf(failure.error);
    if (worker?.release(call, end) !== true) return;
    if (failure === undefined) call.succeed(undefined);
    else {
      const error = worker.cleaned(failure.error);
      if (!this.#owner.retry(call, error)) call.fail(error);
    }
  }

  /** CallOwner */
  succeeded(call: Call): void {
    this.#owner.watch.answered(call);
    this.#owner.callSettled();
  }

  /** CallOwner */
  failed(call: Call, error: unknown): void {
    this.#owner.watch.failedWith(call, error);
    this.#owner.callSettled();
  }
}
