/**
 * What a worker's silence means. `ask`: send a ping. `suspect`: it should have answered one, so that
 * it gets no new calls. `hung`: it is given up when nobody's call on it has time left. `lost`: it
 * is given up whatever runs on it.
 */
export type Verdict = "well" | "ask" | "suspect" | "hung" | "lost";

export interface VitalsOptions {
  /** Silence after which it is asked. */
  readonly heartbeatMs: number;
  /** Silence after which it counts as hung. */
  readonly hungMs: number;
  /** How long it may be hung while calls on it still have time. */
  readonly hungKillMs: number;
}

export interface Sign {
  /** When the worker was last heard. */
  readonly heardMs: number;
  /** Whether it would answer now; a busy worker of one thread cannot. */
  readonly canAnswer: boolean;
  /** How long this process itself was awake since the last look. */
  readonly ranMs: number;
}

/**
 * Listens to one worker. Silence is counted in the host's own running time: a host that was halted
 * or blocked has not listened, and accuses nobody. A value: time comes in as an argument.
 */
export class Vitals {
  readonly #options: VitalsOptions;
  #heardMs = Number.NEGATIVE_INFINITY;
  #silentMs = 0;

  constructor(options: VitalsOptions) {
    this.#options = options;
  }

  get silentMs(): number {
    return this.#silentMs;
  }

  look({ heardMs, canAnswer, ranMs }: Sign): Verdict {
    const { heartbeatMs, hungMs, hungKillMs } = this.#options;
    if (heardMs !== this.#heardMs || !canAnswer) {
      this.#heardMs = heardMs;
      this.#silentMs = 0;
      return "well";
    }
    this.#silentMs += ranMs;
    if (this.#silentMs >= hungMs + hungKillMs) return "lost";
    if (this.#silentMs >= hungMs) return "hung";
    // One more heartbeat for the answer.
    if (this.#silentMs >= Math.min(2 * heartbeatMs, hungMs)) return "suspect";
    return this.#silentMs >= heartbeatMs ? "ask" : "well";
  }
}
