import type { Call, CallSink } from "./call.ts";
import { hold } from "./hold.ts";

interface Waiter {
  resolve(result: IteratorResult<unknown, undefined>): void;
  reject(error: unknown): void;
}

/** The pool, as a stream sees it. */
export interface StreamOwner {
  /** The reader waits for a chunk. */
  waiting(call: Call): void;
  /** The worker is done; with an error, or in good order. */
  ended(call: Call, failure?: { readonly error: unknown }): void;
  /** The reader has left before the end. */
  left(call: Call): void;
}

/**
 * A stream as its caller sees it, from its first `next()`, when the call is queued, to its end.
 * It wakes its reader at once when the caller aborts or the worker dies, whatever the adapter does.
 */
export class PooledStream implements AsyncIterableIterator<unknown, undefined>, CallSink {
  readonly #owner: StreamOwner;
  readonly #submit: (stream: PooledStream) => Call;
  #call: Call | undefined;
  #source: AsyncIterator<unknown> | undefined;
  #waiter: Waiter | undefined;
  /** A `next()` that was called while another one still waits gets its turn after it. */
  #turn: Promise<unknown> = Promise.resolve();
  #end: { readonly error?: unknown } | undefined;

  /** `submit` queues the call; it is asked to when the reader wants its first chunk. */
  constructor(owner: StreamOwner, submit: (stream: PooledStream) => Call) {
    this.#owner = owner;
    this.#submit = submit;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    const turn =
      this.#waiter === undefined
        ? this.#next()
        : this.#turn.then(
            () => this.#next(),
            () => this.#next(),
          );
    this.#turn = turn;
    return turn;
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#end === undefined) {
      this.#finish({});
      if (this.#call !== undefined) this.#owner.left(this.#call);
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  get isWaiting(): boolean {
    return this.#waiter !== undefined;
  }

  /** A worker has taken the call: chunks come from here now. */
  flowFrom(source: AsyncIterator<unknown>): void {
    this.#source = source;
    if (this.#waiter !== undefined) this.#pull(source);
  }

  /** Leaves the source; resolves when the worker is done with it. */
  async endSource(): Promise<void> {
    await this.#source?.return?.();
  }

  succeed(): void {
    this.#finish({});
  }

  fail(error: unknown): void {
    this.#finish({ error });
  }

  #next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#end !== undefined) return this.#afterEnd(this.#end);
    return new Promise((resolve, reject) => {
      hold.acquire(); // only a reader that waits keeps the program alive
      this.#waiter = { resolve, reject };
      if (this.#call === undefined) return this.#begin();
      this.#owner.waiting(this.#call);
      if (this.#source !== undefined) this.#pull(this.#source);
    });
  }

  #begin(): void {
    try {
      this.#call = this.#submit(this);
    } catch (error) {
      this.#finish({ error });
    }
  }

  #pull(source: AsyncIterator<unknown>): void {
    source.next().then(this.#deliver, this.#deliverError);
  }

  readonly #deliver = (result: IteratorResult<unknown>): void => {
    if (result.done === true) {
      if (this.#call !== undefined) this.#owner.ended(this.#call);
      return;
    }
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    this.#waiter = undefined;
    hold.release();
    waiter.resolve({ done: false, value: result.value });
  };

  readonly #deliverError = (error: unknown): void => {
    if (this.#call !== undefined) this.#owner.ended(this.#call, { error });
  };

  #finish(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter === undefined) return;
    hold.release();
    this.#afterEnd(end).then(waiter.resolve, waiter.reject);
  }

  /** An error is thrown once, as by a generator; after it the stream is simply over. */
  #afterEnd(end: { readonly error?: unknown }): Promise<IteratorResult<unknown, undefined>> {
    if (!("error" in end)) return Promise.resolve({ done: true, value: undefined });
    this.#end = {};
    return Promise.reject(end.error);
  }
}
