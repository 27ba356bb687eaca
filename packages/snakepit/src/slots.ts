import type { CallAnswers, Connection } from "./adapter.ts";
import type { Call } from "./call.ts";
import { SnakepitError } from "./errors.ts";
import { LinkedList } from "./linked-list.ts";
import type { Preparation } from "./rehydration.ts";
import { wasCut, wasLost, wasReturned } from "./retry.ts";
import { PACKED_CALLS } from "./scheduler.ts";
import type { PoolSession } from "./session.ts";

/**
 * How a call left its slot: the worker has `answered` it, well or badly; was `lost` to it, although
 * its process may live; was `cut` off, and may come back; or has `returned` it unbegun.
 */
export type CallEnd = "answered" | "lost" | "cut" | "returned";

/** The worker, as its slots see it. */
export interface SlotsOwner {
  readonly id: string;
  /** A call has left: one that was answered, or one that goes to another worker. */
  left(): void;
  /** A slot is free again, and what was to be said about its call has been said. */
  freed(end: CallEnd): void;
  /** Takes a call back that is to be tried again; false when its caller must be told. */
  retry(call: Call, error: unknown): boolean;
  note(what: string): void;
  /** Without what the worker must keep to itself. */
  cleaned(error: unknown): unknown;
  /** Resolves when the process is known to have ended, or after a moment when it has not. */
  exitReport(): Promise<unknown>;
}

/**
 * The calls on one worker. A slot is freed when the worker has answered, never when a caller has
 * gone: otherwise two calls would run in a one-call worker, or a late answer would reach the wrong
 * caller.
 */
export class Slots implements CallAnswers {
  load = 0;
  concurrency = 1;
  commands: ReadonlySet<string> | "any" = "any";
  /** Calls that were answered, well or badly. */
  answered = 0;
  /** Calls that failed, whatever the reason. */
  errors = 0;
  /** On the pool's clock; undefined while there are calls, and until `watchIdle` has noticed. */
  idleSinceMs: number | undefined = undefined;
  readonly #owner: SlotsOwner;
  readonly #calls = new LinkedList<Call>();
  /** Cancelled, not confirmed, and given up. */
  readonly #abandoned = new Set<Call>();
  /** Those that wait for something of the host's. */
  readonly #parked = new Set<Call>();
  /** How many of them are of no session. */
  #strangers = 0;
  /** Commands that the worker has found to be short. */
  #short: ReadonlySet<string> | undefined;
  /** The worker has given calls back that it had not begun, and has answered none since. */
  #isStalled = false;
  /** It may be doing so right now: what comes back must not go there again. */
  #givesBack = false;

  constructor(owner: SlotsOwner) {
    this.#owner = owner;
  }

  open({ capabilities, shortCommands }: Connection): void {
    this.concurrency = capabilities.concurrency;
    this.commands = capabilities.commands;
    this.#short = shortCommands;
  }

  /** Called now and then, because reading the clock at each answer would cost a tenth of a call. */
  watchIdle(nowMs: number): void {
    if (this.load === 0) this.idleSinceMs ??= nowMs;
  }

  /** How many calls of this command fit. */
  room(command: string): number {
    if (this.#givesBack) return 0;
    // A worker with one slot runs one call at a time, also when it thinks it could take more.
    const mayPack = this.concurrency > 1 && !this.#isStalled;
    const isPacked = mayPack && this.#short?.has(command) === true;
    return isPacked ? Math.max(PACKED_CALLS, this.concurrency) : this.concurrency;
  }

  /** A while after calls were given back: as many fit again as there are slots. True if so. */
  takesAgain(): boolean {
    const gaveBack = this.#givesBack;
    this.#givesBack = false;
    return gaveBack;
  }

  /** Calls that would be as well off on any other worker. */
  get hasStrangers(): boolean {
    return this.#strangers > 0;
  }

  get parked(): number {
    return this.#parked.size;
  }

  /** Somebody gave up on a call here that has not been confirmed. */
  get hasAbandoned(): boolean {
    return this.#abandoned.size > 0;
  }

  /** Nothing is left that is worth waiting for. */
  get isDone(): boolean {
    return this.#calls.size === this.#abandoned.size;
  }

  /** Somebody still waits for one of the calls. */
  get isAwaited(): boolean {
    for (const call of this.#calls) if (!call.settled) return true;
    return false;
  }

  carries(call: Call): boolean {
    return call.list === this.#calls;
  }

  carry(call: Call, connection: Connection): void {
    this.#add(call);
    if (connection.begin === undefined || call.preparation !== undefined) {
      void this.#await(call, connection);
    } else {
      connection.begin(call.command, call.args, call, this);
    }
  }

  /** Opens a stream; `release` when the worker is done with it. */
  carryStream(call: Call, open: NonNullable<Connection["stream"]>): AsyncIterator<unknown> {
    if (call.preparation !== undefined) {
      this.#add(call);
      return prepared(call, call.preparation, open);
    }
    const source = open(call.command, call.args, call)[Symbol.asyncIterator]();
    this.#add(call);
    return source;
  }

  /** The worker is done with a call. False when the call is not here any more. */
  release(call: Call, end: CallEnd = "answered"): boolean {
    if (!this.#remove(call)) return false;
    if (end === "answered") this.answered++;
    this.#owner.freed(end);
    return true;
  }

  /** A call begins or ends to wait for the host. */
  park(call: Call, isParked: boolean): void {
    if (!isParked) this.#parked.delete(call);
    else if (this.carries(call)) this.#parked.add(call);
  }

  /** A call whose cancel was not confirmed. */
  abandon(call: Call): void {
    this.#abandoned.add(call);
  }

  failAll(errorOf: (call: Call) => Error): void {
    for (const call of this.#calls) call.fail(errorOf(call));
  }

  /** The calls of a session. */
  ofSession(session: PoolSession): Call[] {
    return [...this.#calls].filter((call) => call.session === session);
  }

  /** The worker is gone: takes out what it has not finished. */
  drain(): Call[] {
    const lost = this.#calls.drain();
    this.load = this.#strangers = 0;
    this.#parked.clear();
    for (const call of lost) call.confirm();
    return lost;
  }

  #add(call: Call): void {
    this.load++;
    if (call.session === undefined) this.#strangers++;
    this.idleSinceMs = undefined;
    this.#calls.push(call);
    call.workerId = this.#owner.id;
  }

  async #await(call: Call, connection: Connection): Promise<void> {
    let reply: unknown;
    try {
      if (call.preparation !== undefined && !(await this.#prepare(call, call.preparation))) return;
      reply = await connection.execute(call.command, call.args, call);
    } catch (error) {
      return this.#lose(call, error);
    }
    this.succeed(call, reply);
  }

  /** The worker has done the call. */
  succeed(call: Call, reply: unknown): void {
    if (!this.carries(call)) return; // it was lost with the worker, and dealt with
    this.#isStalled = this.#givesBack = false;
    call.succeed(reply);
    this.release(call); // after the answer: what the free slot sets off must not get in its way
  }

  /** Not at once: a cancel that fails a call here must not find itself in the middle of its end. */
  fail(call: Call, error: unknown): void {
    queueMicrotask(() => void this.#lose(call, error));
  }

  async #lose(call: Call, failure: unknown): Promise<void> {
    const error = this.#owner.cleaned(failure);
    const end = endOf(error);
    // An adapter may have noticed a death first; what the process died of says more.
    if (end === "lost" || end === "cut") await this.#owner.exitReport();
    // Out of here first: only then it may be given to another.
    if (!this.#remove(call)) return;
    this.#isStalled = this.load > 0 && SnakepitError.is(error, "WORKER_BUSY");
    this.#givesBack = this.#isStalled;
    if (!this.#owner.retry(call, error)) this.#failed(call, error, end);
    this.#owner.freed(end);
  }

  /** Whether the call is still to be sent when that is done. */
  async #prepare(call: Call, preparation: Preparation): Promise<boolean> {
    await preparation.done();
    // It has ended, or was lost with the worker and may be elsewhere by now.
    if (call.settled || call.preparation !== preparation) return false;
    call.preparation = undefined;
    return true;
  }

  #failed(call: Call, error: unknown, end: CallEnd): void {
    if (end === "answered") this.answered++;
    if (!call.settled) {
      this.errors++;
      this.#owner.note(`${call.command} failed: ${firstLine(error)}`);
    }
    call.fail(error);
  }

  #remove(call: Call): boolean {
    if (!this.#calls.delete(call)) return false;
    this.load--;
    if (call.session === undefined) this.#strangers--;
    if (this.load === 0) this.#isStalled = this.#givesBack = false;
    if (this.#parked.size > 0) this.#parked.delete(call);
    call.confirm();
    if (this.#abandoned.size > 0) this.#abandoned.delete(call);
    this.#owner.left();
    return true;
  }
}

/** A stream that begins when its worker has been made ready for it. */
async function* prepared(
  call: Call,
  preparation: Preparation,
  open: NonNullable<Connection["stream"]>,
): AsyncGenerator<unknown, void, undefined> {
  await preparation.done();
  if (call.settled || call.preparation !== preparation) return;
  call.preparation = undefined;
  yield* open(call.command, call.args, call);
}

/** What an adapter's error says of the worker. */
export function endOf(error: unknown): CallEnd {
  if (wasReturned(error)) return "returned";
  if (!wasLost(error)) return "answered";
  return wasCut(error) ? "cut" : "lost";
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? "";
}
