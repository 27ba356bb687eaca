/** 5 in 10 s, as systemd's and OTP's supervisors count; above it something is broken for good. */
const MAX_CRASHES = 5;
const WINDOW_MS = 10_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 10_000;
/**
 * So many workers in a row may be killed from outside before one has served: in a storm some of
 * them do. More is something that kills every one, such as a limit that the kernel does not name.
 */
const MAX_KILLED = 20;
/** While degraded, one start this often asks whether the trouble is over. */
const PROBE_MS = 10_000;

/**
 * When the next start may happen, after workers that never served anybody. A value: it holds no
 * timer, and time comes in as an argument.
 */
export class Backoff {
  #crashes: readonly number[] = [];
  #consecutive = 0;
  #killed = 0;
  #notBeforeMs = 0;
  #degraded = false;

  /** So many crashes in so short a time that waiting calls should be told instead of kept. */
  get degraded(): boolean {
    return this.#degraded;
  }

  /** The last start came to nothing, so that one at a time should find out whether the next does. */
  get troubled(): boolean {
    return this.#consecutive > 0;
  }

  /** A start failed, or a worker ended before it had answered a call. */
  crashed(nowMs: number): void {
    this.#crashes = [...this.#crashes, nowMs].slice(-MAX_CRASHES);
    const [oldest = nowMs] = this.#crashes;
    if (this.#crashes.length === MAX_CRASHES && nowMs - oldest < WINDOW_MS) this.#degraded = true;
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** this.#consecutive, MAX_DELAY_MS);
    this.#consecutive++;
    this.#notBeforeMs = nowMs + (this.#degraded ? PROBE_MS : delayMs);
  }

  /** Somebody else has ended a worker that had not served yet: no fault of its start, as a rule. */
  killed(nowMs: number): void {
    if (++this.#killed > MAX_KILLED) this.crashed(nowMs);
  }

  /** An answer would tell something: that starting works after all. */
  get isCounting(): boolean {
    return this.#consecutive > 0 || this.#killed > 0;
  }

  /** A worker has answered a call: starting works. */
  served(): void {
    this.#killed = 0;
    if (this.#consecutive === 0) return;
    this.#crashes = [];
    this.#consecutive = 0;
    this.#notBeforeMs = 0;
    this.#degraded = false;
  }

  /** 0 when a worker may be started now. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#notBeforeMs - nowMs);
  }
}
