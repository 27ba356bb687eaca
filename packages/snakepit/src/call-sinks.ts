import type { CallSink } from "./call.ts";
import { hold } from "./hold.ts";

/** The promise of `execute`. While it is open the program stays alive. */
export class PromiseSink implements CallSink {
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;

  constructor(resolve: (value: unknown) => void, reject: (error: unknown) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
    hold.acquire();
  }

  succeed(value: unknown): void {
    hold.release();
    this.#resolve(value);
  }

  fail(error: unknown): void {
    hold.release();
    this.#reject(error);
  }
}

/** An adapter's `transform`, between the worker's reply and its caller. */
export class TransformingSink implements CallSink {
  readonly #inner: CallSink;
  readonly #transform: (reply: unknown) => unknown;

  constructor(inner: CallSink, transform: (reply: unknown) => unknown) {
    this.#inner = inner;
    this.#transform = transform;
  }

  succeed(value: unknown): void {
    let reply: unknown;
    try {
      reply = this.#transform(value);
    } catch (error) {
      return this.#inner.fail(error);
    }
    this.#inner.succeed(reply);
  }

  fail(error: unknown): void {
    this.#inner.fail(error);
  }
}
