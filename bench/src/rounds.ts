import type { Contestant } from "./contestant.ts";
import type { Measurement } from "./measurement.ts";
import { type OpenContestants, reasonOf } from "./open-contestants.ts";
import { patiently } from "./patience.ts";
import type { Sample } from "./timed.ts";

export interface Plan {
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** No other round of things done once begins after so long: they are slow on a busy machine. */
  readonly longestMs: number;
  /** When all has taken so long, what is left gets one round each, so that it ends in time. */
  readonly hurryAfterMs: number;
  /**
   * How many of 16 workers are really started where each waits for the one before it; the others
   * are taken to need the same. All of them would be 20 s of importing DSPy at each turn.
   */
  readonly startsOf16: number;
}

export const plans = {
  short: {
    rounds: 3,
    warmUpMs: 150,
    durationMs: 500,
    longestMs: 8_000,
    hurryAfterMs: 135_000,
    startsOf16: 2,
  },
  full: {
    rounds: 7,
    warmUpMs: 500,
    durationMs: 1_500,
    longestMs: 120_000,
    hurryAfterMs: Number.POSITIVE_INFINITY,
    startsOf16: 16,
  },
} satisfies Record<string, Plan>;

/** All measurements together. */
export interface Run {
  readonly plan: Plan;
  /** Aborted when somebody wants it to end. */
  readonly signal: AbortSignal;
  readonly startMs: number;
  readonly onProgress: (text: string) => void;
}

export type Outcome =
  | { readonly kind: "measured"; readonly name: string; readonly samples: readonly Sample[] }
  | { readonly kind: "missing"; readonly name: string; readonly reason: string };

/**
 * All contestants in turn, several times, in the opposite order every second time: what else the
 * machine does then hits all of them alike. Whoever fails is missing; without ours nobody else is
 * measured.
 * @throws what the run's signal was aborted with
 */
export async function runRounds(
  measurement: Measurement,
  { contestants, missing }: OpenContestants,
  run: Run,
): Promise<Outcome[]> {
  const { title, entries } = measurement;
  const { plan, signal, onProgress } = run;
  const outcomes = new Map(missing.map((outcome) => [outcome.name, outcome]));
  const startMs = performance.now();
  for (let round = 0; round < plan.rounds; round++) {
    if (round > 0 && isLate(measurement, startMs, run)) break;
    for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
      const { name } = contestant;
      const before = outcomes.get(name);
      if (before?.kind === "missing") continue;
      if (outcomes.get(entries[0]?.name ?? "")?.kind === "missing") break;
      onProgress(`${title}: round ${round + 1} of ${plan.rounds}, ${name}`);
      outcomes.set(name, await turn(measurement, contestant, before?.samples, plan));
      signal.throwIfAborted();
    }
  }
  return entries.flatMap(({ name }) => outcomes.get(name) ?? []);
}

function isLate({ kind }: Measurement, startMs: number, run: Run): boolean {
  const nowMs = performance.now();
  if (nowMs - run.startMs > run.plan.hurryAfterMs) return true;
  return kind === "once" && nowMs - startMs > run.plan.longestMs;
}

async function turn(
  measurement: Measurement,
  contestant: Contestant,
  samples: readonly Sample[] = [],
  { warmUpMs, durationMs }: Plan,
): Promise<Outcome> {
  const { name } = contestant;
  try {
    const isCold = measurement.kind !== "once" || samples.length === 0;
    if (isCold) await patiently(measurement.sample(contestant, warmUpMs));
    const sample = await patiently(measurement.sample(contestant, durationMs));
    return { kind: "measured", name, samples: [...samples, sample] };
  } catch (error) {
    return { kind: "missing", name, reason: reasonOf(error) };
  }
}
