/** The middle one, and how far the others lie: what a figure on a shared machine is worth. */
export interface Summary {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function summary(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: (percentile(sorted, 0.5) + percentile(sorted.toReversed(), 0.5)) / 2,
    least: percentile(sorted, 0),
    most: percentile(sorted, 1),
  };
}

/** `values` in ascending order; `share` from 0 to 1. NaN of nothing. */
export function percentile(values: ArrayLike<number>, share: number): number {
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
}
