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
