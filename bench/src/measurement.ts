import type { Contestant, Entry } from "./contestant.ts";
import type { Target } from "./targets.ts";
import type { Sample } from "./timed.ts";

export interface Row {
  readonly name: string;
  /** Which of a sample's values. */
  readonly value: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  /** What the system that this one is to surpass says of itself. */
  readonly claim?: string;
  /** What we want ourselves. */
  readonly targets?: readonly Target[];
}

/** One kind of load, put on every contestant in turn. It may fill more than one row. */
export interface Measurement {
  readonly title: string;
  readonly rows: readonly Row[];
  /** Ours first. */
  readonly entries: readonly Entry[];
  /**
   * A load for so long, warmed up before each turn. `once`: a thing done once in a turn; only its
   * very first time, which loads code and reads files that later ones find in memory, is left out.
   */
  readonly kind?: "load" | "once";
  /** Left out of a short run, which has only what the system as a whole promises. */
  readonly isDetail?: boolean;
  sample(contestant: Contestant, durationMs: number): Promise<Sample>;
}
