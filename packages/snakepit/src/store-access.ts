import { SnakepitError } from "./errors.ts";
import type { StoreEvent } from "./events.ts";
import type { Awaitable, Store } from "./store/store.ts";

/** The store as a pool uses it: says once when it stops answering, and once when it answers again. */
export class StoreAccess {
  readonly store: Store;
  readonly #emit: (event: StoreEvent) => void;
  #isDown = false;

  constructor(store: Store, emit: (event: StoreEvent) => void) {
    this.store = store;
    this.#emit = emit;
  }

  /** Asks it; an answer that is there at once comes at once. */
  ask<Answer>(question: (store: Store) => Awaitable<Answer>): Awaitable<Answer> {
    let answer: Awaitable<Answer>;
    try {
      answer = question(this.store);
    } catch (error) {
      throw this.#failed(error);
    }
    if (!(answer instanceof Promise)) return this.#answered(answer);
    return answer.then(
      (value) => this.#answered(value),
      (error) => {
        throw this.#failed(error);
      },
    );
  }

  /** For what nobody waits for: whatever goes wrong is reported, and nothing else happens. */
  async tell(question: (store: Store) => Awaitable<unknown>): Promise<void> {
    try {
      await this.ask(question);
    } catch (error) {
      if (SnakepitError.is(error, "STORE_UNAVAILABLE")) return; // reported by now
      const text = `the store ${this.store.name} failed: ${String(error)}`;
      process.emitWarning(text, "SnakepitWarning");
    }
  }

  #answered<Answer>(answer: Answer): Answer {
    if (this.#isDown) {
      this.#isDown = false;
      this.#emit({ name: "store-recovered", store: this.store.name });
    }
    return answer;
  }

  #failed(error: unknown): unknown {
    if (SnakepitError.is(error, "STORE_UNAVAILABLE")) this.#report(error);
    return error;
  }

  #report(error: unknown): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#emit({ name: "store-unavailable", store: this.store.name, error });
  }
}
