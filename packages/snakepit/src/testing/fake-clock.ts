import type { Clock } from "../clock.ts";

export interface FakeClock extends Clock {
  /**
   * Lets that much time pass at once: every timer that falls due is called, in order. Resolves when
   * promises that they have settled have been heard.
   */
  advance(ms: number): Promise<void>;
  /** Timers and intervals that wait. */
  readonly waiting: number;
}

interface Timer {
  dueMs: number;
  readonly periodMs: number | undefined;
  readonly fire: () => void;
}

/** A clock that stands still until a test moves it: `createPool({ adapter, clock: fakeClock() })`. */
export function fakeClock(): FakeClock {
  return new StandingClock();
}

class StandingClock implements FakeClock {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  get waiting(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  startTimer(delayMs: number, expire: () => void): Disposable {
    return this.#add(delayMs, undefined, expire);
  }

  startInterval(periodMs: number, tick: () => void): Disposable {
    return this.#add(periodMs, periodMs, tick);
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      if (timer.periodMs === undefined) this.#timers.delete(timer);
      else timer.dueMs += timer.periodMs;
      timer.fire();
      await settled();
    }
    this.#nowMs = endMs;
    await settled();
  }

  #add(delayMs: number, periodMs: number | undefined, fire: () => void): Disposable {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), periodMs, fire };
    // A delay without end is no timer at all.
    if (timer.dueMs !== Number.POSITIVE_INFINITY) this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** The earliest that is due by then; the one that was set first among equals. */
  #next(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }
}

/** After the microtasks of this turn and the turn itself. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
