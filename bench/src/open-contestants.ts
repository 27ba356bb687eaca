import type { Contestant, Entry } from "./contestant.ts";
import type { Outcome, Run } from "./rounds.ts";

/** All who take part in a measurement. Disposing of them closes them. */
export interface OpenContestants extends AsyncDisposable {
  readonly contestants: readonly Contestant[];
  /** Who could not be opened, and why. */
  readonly missing: readonly Outcome[];
}

/**
 * One after another. Without ours, which comes first, nobody else is opened.
 * @throws what the run's signal was aborted with, when all that were open are closed
 */
export async function openContestants(
  entries: readonly Entry[],
  { plan, signal, onProgress }: Run,
): Promise<OpenContestants> {
  const contestants: Contestant[] = [];
  const missing: Outcome[] = [];
  const close = async () => {
    await Promise.allSettled(contestants.map((contestant) => contestant[Symbol.asyncDispose]()));
  };
  try {
    for (const [index, entry] of entries.entries()) {
      onProgress(`opening ${entry.name}`);
      try {
        contestants.push(await entry.open(plan));
      } catch (error) {
        missing.push({ kind: "missing", name: entry.name, reason: reasonOf(error) });
      }
      signal.throwIfAborted();
      if (index === 0 && contestants.length === 0) break;
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { contestants, missing, [Symbol.asyncDispose]: close };
}

/** Its first line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0] ?? text;
}
