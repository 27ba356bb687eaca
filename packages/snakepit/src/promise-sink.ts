import type { CallSink } from "./call.ts";
import { hold } from "./hold.ts";
import { inPool } from "./pool-errors.ts";

/** The promise of `execute`. While it is open the program stays alive. */
export class PromiseSink implements CallSink {
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  readonly #pool: string | undefined;

  /** `pool`: the name that its errors carry. */
  constructor(
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    pool: string | undefined,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#pool = pool;
    hold.acquire();
  }

  succeed(value: unknown): void {
    hold.release();
    this.#resolve(value);
  }

  fail(error: unknown): void {
    hold.release();
    this.#reject(this.#pool === undefined ? error : inPool(this.#pool, error));
  }
}
