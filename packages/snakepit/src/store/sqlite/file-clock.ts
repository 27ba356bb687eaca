/** Where time comes from; both in milliseconds. */
export interface TimeSource {
  /** Since 1970, by a clock that people and daemons may set. */
  wall(): number;
  /** By a clock that never jumps; only differences mean something. */
  steady(): number;
}

const systemTime: TimeSource = { wall: () => Date.now(), steady: () => performance.now() };

/**
 * The time of one file. It follows the clock of the machine, which all who use the file share, but
 * never goes back: when that clock is set back, this one goes on steadily, so that nothing that has
 * expired can be read again. It also starts no earlier than the last use that the file knows of.
 */
export class FileClock {
  readonly #source: TimeSource;
  #lastMs = 0;
  #lastSteadyMs: number;

  constructor(source: TimeSource = systemTime) {
    this.#source = source;
    this.#lastSteadyMs = source.steady();
  }

  notBefore(ms: number): void {
    this.#lastMs = Math.max(this.#lastMs, ms);
  }

  now(): number {
    const steadyMs = this.#source.steady();
    const elapsedMs = Math.max(0, steadyMs - this.#lastSteadyMs);
    this.#lastMs = Math.max(this.#source.wall(), this.#lastMs + elapsedMs);
    this.#lastSteadyMs = steadyMs;
    return Math.floor(this.#lastMs);
  }
}
