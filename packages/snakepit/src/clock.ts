import { startTimer } from "./timer.ts";

/** Where a pool's time comes from. Tests put `fakeClock()` here; everybody else the system's. */
export interface Clock {
  /** Milliseconds on a clock that never jumps; only differences mean something. */
  now(): number;
  /** Calls back once, after any delay, Infinity included. Never keeps the program alive. */
  startTimer(delayMs: number, expire: () => void): Disposable;
  /** Calls back again and again. Never keeps the program alive. */
  startInterval(periodMs: number, tick: () => void): Disposable;
}

export const systemClock: Clock = {
  // Looked up at each call, so that tests which replace the timers of a process replace this too.
  now: () => performance.now(),
  startTimer,
  startInterval(periodMs, tick) {
    const timer = setInterval(tick, periodMs).unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  },
};
