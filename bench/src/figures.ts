import type { CpuTime } from "./cpu.ts";
import type { Row } from "./measurement.ts";
import type { Outcome } from "./rounds.ts";
import { type Summary, summary } from "./statistics.ts";

/** What one contestant reached in one row, over all rounds. */
export interface Figure {
  readonly name: string;
  readonly value: Summary;
  readonly cpu: CpuTime | undefined;
}

/** Ours first, and only peers that have such a value. Without ours there is nothing to compare. */
export function figuresOf(row: Row, outcomes: readonly Outcome[]): Figure[] {
  const figures = outcomes.flatMap((outcome) => {
    if (outcome.kind === "missing") return [];
    const values = outcome.samples.map((sample) => sample.values[row.value] ?? Number.NaN);
    if (values.some(Number.isNaN)) return [];
    const cpus = outcome.samples.flatMap(({ cpu }) => cpu ?? []);
    const cpu = cpus.length === 0 ? undefined : medianCpu(cpus);
    return [{ name: outcome.name, value: summary(values), cpu }];
  });
  return figures[0]?.name === outcomes[0]?.name ? figures : [];
}

/** How many times as good ours is. */
export function ratioOf(row: Row, ours: Figure, peer: Figure): number {
  const ratio = ours.value.median / peer.value.median;
  return row.better === "higher" ? ratio : 1 / ratio;
}

export function cpuRatioOf(ours: Figure, peer: Figure): number | undefined {
  if (ours.cpu === undefined || peer.cpu === undefined) return undefined;
  return totalUs(peer.cpu) / totalUs(ours.cpu);
}

export function totalUs({ hostUs, workersUs }: CpuTime): number {
  return hostUs + workersUs;
}

function medianCpu(cpus: readonly CpuTime[]): CpuTime {
  return {
    hostUs: summary(cpus.map(({ hostUs }) => hostUs)).median,
    workersUs: summary(cpus.map(({ workersUs }) => workersUs)).median,
  };
}
