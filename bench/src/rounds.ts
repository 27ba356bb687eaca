import type { Contestant, Entry } from "./contestant.ts";
import type { Measurement } from "./measurement.ts";
import type { Sample } from "./timed.ts";

export interface Plan {
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** No other round of things done once begins after so long: they are slow on a busy machine. */
  readonly longestMs: number;
  /**
   * How many of 16 workers are really started where each waits for the one before it; the others
   * are taken to need the same. All of them would be 20 s of importing DSPy at each turn.
   */
  readonly startsOf16: number;
}

export const plans = {
  short: { rounds: 3, warmUpMs: 150, durationMs: 500, longestMs: 8_000, startsOf16: 2 },
  full: { rounds: 7, warmUpMs: 500, durationMs: 1_500, longestMs: 120_000, startsOf16: 16 },
} satisfies Record<string, Plan>;

export type Outcome =
  | { readonly kind: "measured"; readonly name: string; readonly samples: readonly Sample[] }
  | { readonly kind: "missing"; readonly name: string; readonly reason: string };

/**
 * All contestants in turn, several times, in the opposite order every second time: what else the
 * machine does then hits all of them alike. They stay open for the whole of it, idle meanwhile.
 * Who cannot be opened is missing, and so is who fails. Without ours nobody else is measured.
 * @throws what `signal` was aborted with, when all contestants are closed
 */
export async function runRounds(
  measurement: Measurement,
  plan: Plan,
  signal: AbortSignal,
  onProgress: (text: string) => void,
): Promise<Outcome[]> {
  const { title, entries } = measurement;
  const contestants: Contestant[] = [];
  const outcomes = new Map<string, Outcome>();
  const ourName = entries[0]?.name ?? "";
  const oursIsMissing = () => outcomes.get(ourName)?.kind === "missing";
  const miss = ({ name }: Entry | Contestant, error: unknown) => {
    signal.throwIfAborted(); // then it is no fault of theirs
    outcomes.set(name, { kind: "missing", name, reason: reasonOf(error) });
  };
  try {
    for (const entry of entries) {
      signal.throwIfAborted();
      if (oursIsMissing()) break;
      onProgress(`${title}: opening ${entry.name}`);
      try {
        contestants.push(await entry.open(plan));
      } catch (error) {
        miss(entry, error);
      }
    }
    const startMs = performance.now();
    for (let round = 0; round < plan.rounds; round++) {
      const isLate = performance.now() - startMs > plan.longestMs;
      if (round > 0 && isLate && measurement.kind === "once") break;
      for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
        signal.throwIfAborted();
        if (oursIsMissing()) break;
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
    await Promise.allSettled(contestants.map((contestant) => contestant[Symbol.asyncDispose]()));
  }
  return entries.flatMap(({ name }) => outcomes.get(name) ?? []);
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0] ?? text;
}
