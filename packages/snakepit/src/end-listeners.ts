import type { Clock } from "./clock.ts";

/**
 * Those who wait for the end of a worker. A promise for all of them would keep each that ever
 * waited until the worker ends.
 */
export class EndListeners {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls back when it ends. */
  add(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Whether it ends by then. */
  within(graceMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isGone: boolean) => {
        timer[Symbol.dispose]();
        listener[Symbol.dispose]();
        resolve(isGone);
      };
      const timer = this.#clock.startTimer(graceMs, () => settle(false));
      const listener = this.add(() => settle(true));
    });
  }

  tell(): void {
    for (const tell of this.#listeners) tell();
  }
}
