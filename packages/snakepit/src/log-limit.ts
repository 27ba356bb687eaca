/** What a worker may log when nobody says otherwise. */
export const LOG_LIMIT = { perSecond: 100, burst: 200 } as const;

/**
 * How many lines of one worker reach its host: a bucket of `burst` that refills at `perSecond`.
 * Once it is empty it stays shut until it holds a second's worth again, so that a flood comes as
 * one block of lines per second with one report of what was left out. Time comes in as an
 * argument.
 */
export class LogLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledMs = 0;
  #dropped = 0;

  constructor({ perSecond, burst }: { readonly perSecond: number; readonly burst: number }) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Whether a line may pass now; the lines that may not are counted. */
  admits(nowMs: number): boolean {
    const refill = (Math.max(0, nowMs - this.#filledMs) / 1_000) * this.#perSecond;
    this.#tokens = Math.min(this.#burst, this.#tokens + refill);
    this.#filledMs = nowMs;
    if (this.#tokens < (this.#dropped > 0 ? this.#perSecond : 1)) {
      this.#dropped++;
      return false;
    }
    this.#tokens--;
    return true;
  }

  /**
   * Lines that were dropped and not reported yet; now they are. Asked before an admitted line is
   * handed on, and at the end.
   */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}
