import type { Contestant, Entry } from "./contestant.ts";
import type { Measurement } from "./measurements.ts";
import type { Sample } from "./timed.ts";

export interface Plan {
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** No other round begins after so long: starts and full queues are slow on a busy machine. */
  readonly longestMs: number;
}

export const plans = {
  short: { rounds: 3, warmUpMs: 200, durationMs: 550, longestMs: 10_000 },
  full: { rounds: 7, warmUpMs: 500, durationMs: 1_500, longestMs: 120_000 },
} satisfies Record<string, Plan>;

export type Outcome =
  | { readonly kind: "measured"; readonly name: string; readonly samples: readonly Sample[] }
  | { readonly kind: "missing"; readonly name: string; readonly reason: string };

/**
 * All contestants in turn, several times, in the opposite order every second time: what else the
 * machine does then hits all of them alike. They stay open for the whole of it, idle meanwhile.
 * A peer that cannot be opened is missing, and so is one that fails; ours has to be there.
 */
export async function runRounds(
  measurement: Measurement,
  plan: Plan,
  onProgress: (text: string) => void,
): Promise<Outcome[]> {
  const { title, entries } = measurement;
  const contestants: Contestant[] = [];
  const outcomes = new Map<string, Outcome>();
  const miss = ({ name }: Entry | Contestant, error: unknown) => {
    if (name === entries[0]?.name) throw error;
    outcomes.set(name, { kind: "missing", name, reason: reasonOf(error) });
  };
  try {
    for (const entry of entries) {
      onProgress(`${title}: opening ${entry.name}`);
      try {
        contestants.push(await entry.open());
      } catch (error) {
        miss(entry, error);
      }
    }
    const startMs = performance.now();
    for (let round = 0; round < plan.rounds; round++) {
      if (round > 0 && performance.now() - startMs > plan.longestMs) break;
      for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
        const { name } = contestant;
        const before = outcomes.get(name);
        if (before?.kind === "missing") continue;
        onProgress(`${title}: round ${round + 1} of ${plan.rounds}, ${name}`);
        try {
          const isCold = measurement.kind !== "once" || before === undefined;
          if (isCold) await measurement.sample(contestant, plan.warmUpMs);
          const sample = await measurement.sample(contestant, plan.durationMs);
          outcomes.set(name, {
            kind: "measured",
            name,
            samples: [...(before?.samples ?? []), sample],
          });
        } catch (error) {
          miss(contestant, error);
        }
      }
    }
  } finally {
    for (const contestant of contestants) await contestant[Symbol.asyncDispose]();
  }
  return entries.flatMap(({ name }) => outcomes.get(name) ?? []);
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0] ?? text;
}
