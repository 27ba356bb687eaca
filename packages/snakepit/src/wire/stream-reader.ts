import { STREAM_CREDIT } from "./records.ts";

interface Waiter {
  resolve(result: IteratorResult<unknown, undefined>): void;
  reject(error: unknown): void;
}

export interface StreamReaderOptions {
  /** Gives credit back to the producer, in what it has counted. */
  credit(chunks: number, bytes: number): void;
  /** The reader has gone: ask the producer to stop. It confirms by ending the stream. */
  cancel(): void;
}

/**
 * One stream as its reader sees it: chunks in order, none twice. What has arrived is handed over
 * without going back to the event loop; what is ahead of the reader is bounded by the credit.
 */
export class StreamReader implements AsyncIterableIterator<unknown, undefined> {
  readonly #options: StreamReaderOptions;
  #chunks: unknown[] = [];
  #sizes: number[] = [];
  #next = 0;
  #consumedChunks = 0;
  #consumedBytes = 0;
  readonly #waiters: Waiter[] = [];
  #end: { readonly error?: unknown } | undefined;
  #left = false;
  /** Settles when the producer has confirmed that it is done. */
  readonly #finished: Promise<void>;
  #finish!: () => void;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#next < this.#chunks.length) {
      return Promise.resolve({ done: false, value: this.#take() });
    }
    if (this.#end !== undefined || this.#left) return this.#settled();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** Leaves the stream and waits until the producer has stopped. */
  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.#leave();
    await this.#finished;
    return { done: true, value: undefined };
  }

  /** Nothing is handed over any more. */
  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#chunks = [];
    this.#sizes = [];
    this.#next = 0;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
    if (this.#end === undefined) this.#options.cancel();
  }

  /** A chunk has arrived. After `return` it is dropped, its credit with it. */
  push(chunk: unknown, bytes: number): void {
    if (this.#left) return;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.#chunks.push(chunk);
      this.#sizes.push(bytes);
      return;
    }
    this.#consumed(bytes);
    waiter.resolve({ done: false, value: chunk });
  }

  /** The producer is done; without `error` in good order. Chunks before it are still handed over. */
  finish(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#finish();
    for (const waiter of this.#waiters.splice(0)) {
      if ("error" in end) waiter.reject(end.error);
      else waiter.resolve({ done: true, value: undefined });
    }
  }

  /** An error is thrown once, as by a generator; after it the stream is simply over. */
  #settled(): Promise<IteratorResult<unknown, undefined>> {
    if (!this.#left && this.#end !== undefined && "error" in this.#end) {
      const { error } = this.#end;
      this.#end = {};
      return Promise.reject(error);
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  #take(): unknown {
    const chunk = this.#chunks[this.#next];
    this.#consumed(this.#sizes[this.#next] ?? 0);
    this.#next++;
    if (this.#next === this.#chunks.length) {
      this.#chunks = [];
      this.#sizes = [];
      this.#next = 0;
    }
    return chunk;
  }

  #consumed(bytes: number): void {
    this.#consumedChunks++;
    this.#consumedBytes += bytes;
    if (this.#end !== undefined) return;
    if (
      this.#consumedChunks >= STREAM_CREDIT.chunks / 2 ||
      this.#consumedBytes >= STREAM_CREDIT.bytes / 2
    ) {
      this.#options.credit(this.#consumedChunks, this.#consumedBytes);
      this.#consumedChunks = 0;
      this.#consumedBytes = 0;
    }
  }
}
