import type { Call, CallStream } from "./call.ts";
import { hold } from "./hold.ts";
import { inPool } from "./pool-errors.ts";

interface Waiter {
  resolve(result: IteratorResult<unknown, undefined>): void;
  reject(error: unknown): void;
}

const ignore = () => {};

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
export class PooledStream implements AsyncIterableIterator<unknown, undefined>, CallStream {
  readonly #owner: StreamOwner;
  readonly #submit: (stream: PooledStream) => Call;
  readonly #pool: string | undefined;
  #call: Call | undefined;
  #source: AsyncIterator<unknown> | undefined;
  /** Readers in the order in which they asked, and whether a chunk is on its way to the first. */
  readonly #waiters: Waiter[] = [];
  #pulling = false;
  #hear: (result: IteratorResult<unknown>) => void = ignore;
  #hearError: (error: unknown) => void = ignore;
  chunks = 0;
  #end: { readonly error?: unknown } | undefined;

  /**
   * `submit` queues the call; it is asked to when the reader wants its first chunk. `pool`: the name
   * that errors carry.
   */
  constructor(
    owner: StreamOwner,
    submit: (stream: PooledStream) => Call,
    pool: string | undefined,
  ) {
    this.#owner = owner;
    this.#submit = submit;
    this.#pool = pool;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#end !== undefined) return this.#afterEnd(this.#end);
    return new Promise((resolve, reject) => {
      hold.acquire(); // only a reader that waits keeps the program alive
      this.#waiters.push({ resolve, reject });
      if (this.#call === undefined) return this.#begin();
      if (this.#source !== undefined) this.#owner.waiting(this.#call);
      this.#pull();
    });
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#end === undefined) {
      this.#finish({});
      if (this.#call !== undefined) this.#owner.left(this.#call);
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  get isWaiting(): boolean {
    return this.#waiters.length > 0;
  }

  /** A worker has taken the call: chunks come from here now. */
  flowFrom(call: Call, source: AsyncIterator<unknown>): void {
    this.#call = call; // a free worker takes it before `submit` has returned
    this.#source = source;
    this.#pulling = false;
    // Made once per worker, not per chunk; what an earlier worker still says is not heard.
    const hear = (tell: (said: never) => void) => (said: unknown) => {
      if (this.#source === source) tell(said as never);
    };
    this.#hear = hear((result: IteratorResult<unknown>) => this.#deliver(result));
    this.#hearError = hear((error: unknown) => this.#ended({ error }));
    if (this.isWaiting) this.#owner.waiting(call);
    this.#pull();
  }

  /** Leaves the source; resolves when the worker is done with it. */
  async endSource(): Promise<void> {
    const source = this.#source;
    // A read that is under way may now end before the worker has: only `return` tells when it has.
    this.#source = undefined;
    await source?.return?.();
  }

  succeed(): void {
    this.#finish({});
  }

  fail(error: unknown): void {
    this.#finish({ error });
  }

  #begin(): void {
    try {
      this.#call = this.#submit(this);
    } catch (error) {
      this.#finish({ error });
    }
  }

  /** One chunk at a time, whatever the number of readers. */
  #pull(): void {
    if (this.#pulling || this.#source === undefined || this.#waiters.length === 0) return;
    this.#pulling = true;
    try {
      this.#source.next().then(this.#hear, this.#hearError);
    } catch (error) {
      this.#hearError(error);
    }
  }

  #deliver(result: IteratorResult<unknown>): void {
    this.#pulling = false;
    if (result.done === true) return this.#ended();
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return; // the reader has left
    this.chunks++;
    hold.release();
    waiter.resolve({ done: false, value: result.value });
    this.#pull();
  }

  #ended(failure?: { readonly error: unknown }): void {
    if (this.#call !== undefined) this.#owner.ended(this.#call, failure);
  }

  #finish(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    for (const waiter of this.#waiters.splice(0)) {
      hold.release();
      this.#afterEnd(this.#end).then(waiter.resolve, waiter.reject);
    }
  }

  /** An error is thrown once, as by a generator; after it the stream is simply over. */
  #afterEnd(end: { readonly error?: unknown }): Promise<IteratorResult<unknown, undefined>> {
    if (!("error" in end)) return Promise.resolve({ done: true, value: undefined });
    this.#end = {};
    return Promise.reject(this.#pool === undefined ? end.error : inPool(this.#pool, end.error));
  }
}
