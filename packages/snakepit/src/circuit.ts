/** Faults and good answers are counted over so many slices of a second each. */
const SLICES = 10;
const SLICE_MS = 1_000;

export interface CircuitOptions {
  /** Share of calls that may be lost to dying workers before the circuit opens. Default: 0.5. */
  readonly failureRate: number;
  /** Below so many calls in 10 s nothing is concluded. Default: 20. */
  readonly minCalls: number;
  /** How long it stays open before one call may try. Default: 10,000. */
  readonly openMs: number;
}

export const circuitDefaults: CircuitOptions = { failureRate: 0.5, minCalls: 20, openMs: 10_000 };

type State =
  | { readonly phase: "closed" }
  | { readonly phase: "open"; readonly untilMs: number }
  /** One call is on its way to find out. */
  | { readonly phase: "half-open"; readonly untilMs: number };

export type CircuitPhase = State["phase"];

interface Slice {
  number: number;
  lost: number;
  answered: number;
}

/**
 * Stops calls from feeding workers that die of them: when most of the last calls were lost with
 * their worker, new ones are refused at once, and one probe at a time finds out whether it is over
 * (Nygard's circuit breaker). A handler's own errors do not count: its worker lives. A value: no
 * timers, time comes in as an argument.
 */
export class Circuit {
  readonly #options: CircuitOptions;
  #state: State = { phase: "closed" };
  readonly #slices: Slice[] = Array.from({ length: SLICES }, () => emptySlice(-SLICES));
  #current: Slice;

  constructor(options: CircuitOptions, nowMs: number) {
    this.#options = options;
    this.#current = this.#slices[0] as Slice;
    this.tick(nowMs);
  }

  get phase(): CircuitPhase {
    return this.#state.phase;
  }

  /** A worker has answered, well or badly: it lives. True when that closes the circuit. */
  answered(): boolean {
    this.#current.answered++;
    if (this.#state.phase !== "half-open") return false;
    this.#close();
    return true;
  }

  /** A call was lost with its worker. True when that opens the circuit. */
  lost(nowMs: number): boolean {
    this.tick(nowMs);
    this.#current.lost++;
    if (this.#state.phase === "half-open") return this.#open(nowMs);
    return this.#state.phase === "closed" && this.#isBad(nowMs) && this.#open(nowMs);
  }

  /** How long a new call is refused for, or undefined when it may go, perhaps as the probe. */
  refusedForMs(nowMs: number): number | undefined {
    if (this.#state.phase === "closed") return undefined;
    const leftMs = this.#state.untilMs - nowMs;
    if (leftMs > 0) return leftMs;
    // A probe that is never heard of again must not close the pool for ever.
    this.#state = { phase: "half-open", untilMs: nowMs + this.#options.openMs };
    return undefined;
  }

  /** Moves on to the slice of this second. */
  tick(nowMs: number): void {
    const number = Math.floor(nowMs / SLICE_MS);
    if (this.#current.number === number) return;
    const index = ((number % SLICES) + SLICES) % SLICES;
    this.#current = this.#slices[index] = emptySlice(number);
  }

  #isBad(nowMs: number): boolean {
    const oldest = Math.floor(nowMs / SLICE_MS) - SLICES;
    let lost = 0;
    let answered = 0;
    for (const slice of this.#slices) {
      if (slice.number <= oldest) continue;
      lost += slice.lost;
      answered += slice.answered;
    }
    const calls = lost + answered;
    return calls >= this.#options.minCalls && lost / calls >= this.#options.failureRate;
  }

  #open(nowMs: number): true {
    this.#state = { phase: "open", untilMs: nowMs + this.#options.openMs };
    return true;
  }

  /** What led to it is over, and must not open it again at the next fault. */
  #close(): void {
    this.#state = { phase: "closed" };
    for (const slice of this.#slices) Object.assign(slice, { lost: 0, answered: 0 });
  }
}

function emptySlice(number: number): Slice {
  return { number, lost: 0, answered: 0 };
}
