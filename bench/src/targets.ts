import type { Figure } from "./figures.ts";
import { cpuRatioOf, ratioOf } from "./figures.ts";
import type { Row } from "./measurement.ts";

/** What a row is to reach: so many times as good as a peer, or a figure of its own. */
export type Target =
  | { readonly peer: string; readonly cpu?: boolean; readonly atLeast: number }
  | { readonly atLeast: number }
  | { readonly atMost: number };

export interface Verdict {
  /** `bare-socket ≥ 0.55 ×` */
  readonly wanted: string;
  /** undefined when the peer was not measured. */
  readonly isReached: boolean | undefined;
}

/** `figures`: ours first. */
export function verdicts(row: Row, figures: readonly Figure[]): Verdict[] {
  return (row.targets ?? []).map((target) => ({
    wanted: wanted(target, row.unit),
    isReached: isReached(target, row, figures),
  }));
}

export function shownVerdict({ wanted, isReached }: Verdict): string {
  if (isReached === undefined) return `${wanted}: not measured`;
  return `${wanted}: ${isReached ? "reached" : "not reached"}`;
}

function wanted(target: Target, unit: string): string {
  if ("peer" in target) {
    return `${target.peer}${target.cpu ? " CPU" : ""} ≥ ${target.atLeast.toLocaleString("en")} ×`;
  }
  if ("atLeast" in target) return `≥ ${target.atLeast.toLocaleString("en")} ${unit}`;
  return `≤ ${target.atMost.toLocaleString("en")} ${unit}`;
}

function isReached(target: Target, row: Row, figures: readonly Figure[]): boolean | undefined {
  const [ours] = figures;
  if (ours === undefined) return undefined;
  if (!("peer" in target)) {
    const { median } = ours.value;
    return "atLeast" in target ? median >= target.atLeast : median <= target.atMost;
  }
  const peer = figures.find(({ name }) => name === target.peer);
  if (peer === undefined) return undefined;
  const ratio = target.cpu ? cpuRatioOf(ours, peer) : ratioOf(row, ours, peer);
  return ratio === undefined ? undefined : ratio >= target.atLeast;
}
