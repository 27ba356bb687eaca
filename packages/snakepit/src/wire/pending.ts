import type { CallAnswers, CallContext, CancelListener } from "../adapter.ts";
import { SnakepitError } from "../errors.ts";
import { STREAM_CREDIT, ToWorker } from "./records.ts";
import { StreamReader } from "./stream-reader.ts";

/** The channel, as one of its calls sees it. */
export interface PendingOwner {
  readonly workerId: string;
  /** The caller of `pending` has gone. */
  cancel(pending: Pending): void;
  /** The reader of a stream has consumed so much. */
  credit(stream: PendingStream, chunks: number, bytes: number): void;
}

export function protocolError(problem: string): SnakepitError<"PROTOCOL"> {
  return new SnakepitError("PROTOCOL", problem, { outcome: "unknown" });
}

/** For the message of an error: a worker may have sent anything, of any length. */
export function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : `(${value === null ? "null" : typeof value})`;
}

/**
 * Ids are indices, used again as soon as they are free: an array is several times cheaper than a
 * `Map` that changes with every call (see linked-list.ts).
 */
export class PendingSlots {
  readonly #slots: (Pending | undefined)[] = [undefined];
  readonly #free: number[] = [];

  add(pending: Pending): number {
    const id = this.#free.pop() ?? this.#slots.length;
    this.#slots[id] = pending;
    pending.id = id;
    return id;
  }

  get(id: unknown): Pending | undefined {
    return typeof id === "number" ? this.#slots[id] : undefined;
  }

  remove(pending: Pending): void {
    this.#slots[pending.id] = undefined;
    this.#free.push(pending.id);
  }

  /** Takes out all of them. */
  drain(): Pending[] {
    const taken = this.#slots.filter((pending) => pending !== undefined);
    this.#slots.length = 1;
    this.#free.length = 0;
    return taken;
  }

  /** How many calls are sent and not answered. */
  get size(): number {
    return this.#slots.length - 1 - this.#free.length;
  }
}

/** A call between `execute` and its answer. `id` is 0 until it is sent. */
export abstract class Pending implements CancelListener {
  id = 0;
  cancelled = false;
  abstract readonly kind: number;
  readonly owner: PendingOwner;
  readonly command: string;
  readonly args: unknown;
  readonly context: CallContext;

  constructor(owner: PendingOwner, command: string, args: unknown, context: CallContext) {
    this.owner = owner;
    this.command = command;
    this.args = args;
    this.context = context;
  }

  cancel(): void {
    this.owner.cancel(this);
  }

  /** `bytes` is what the worker says it is. */
  chunk(_value: unknown, _bytes: unknown): void {
    throw protocolError(`${this.command} was not called as a stream, but a chunk came`);
  }

  abstract succeed(value: unknown): void;
  abstract fail(error: unknown): void;
}

export class PendingCall extends Pending {
  readonly kind: number = ToWorker.call;
  readonly succeed: (value: unknown) => void;
  readonly fail: (error: unknown) => void;

  constructor(
    owner: PendingOwner,
    command: string,
    args: unknown,
    context: CallContext,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    super(owner, command, args, context);
    this.succeed = resolve;
    this.fail = reject;
  }
}

/** A call whose end is told without a promise. */
export class BegunCall extends Pending {
  readonly kind = ToWorker.call;
  readonly #answers: CallAnswers;

  constructor(
    owner: PendingOwner,
    command: string,
    args: unknown,
    context: CallContext,
    answers: CallAnswers,
  ) {
    super(owner, command, args, context);
    this.#answers = answers;
  }

  succeed(value: unknown): void {
    this.#answers.succeed(this.context, value);
  }

  fail(error: unknown): void {
    this.#answers.fail(this.context, error);
  }
}

export class PendingPing extends PendingCall {
  override readonly kind = ToWorker.ping;
}

export class PendingStream extends Pending {
  readonly kind = ToWorker.stream;
  readonly reader = new StreamReader({
    credit: (chunks, bytes) => {
      this.#aheadChunks -= chunks;
      this.#aheadBytes -= bytes;
      this.owner.credit(this, chunks, bytes);
    },
    cancel: () => this.owner.cancel(this),
  });

  /** Credit on its way to the worker, and the list in which it waits, while it does. */
  credit: [kind: number, id: number, chunks: number, bytes: number] = [ToWorker.credit, 0, 0, 0];
  creditIn: object | undefined;
  /** What has come and was not given back as credit. */
  #aheadChunks = 0;
  #aheadBytes = 0;

  override chunk(value: unknown, bytes: unknown): void {
    if (!isSize(bytes)) throw protocolError(`a chunk of ${this.command} has no size`);
    if (this.#aheadChunks >= STREAM_CREDIT.chunks || this.#aheadBytes >= STREAM_CREDIT.bytes) {
      throw protocolError(`a chunk of ${this.command} came beyond the credit of its stream`);
    }
    this.#aheadChunks++;
    this.#aheadBytes += bytes;
    this.reader.push(value, bytes);
  }

  succeed(): void {
    this.reader.finish({});
  }

  fail(error: unknown): void {
    this.reader.finish({ error });
  }
}

function isSize(bytes: unknown): bytes is number {
  return typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= 0;
}
