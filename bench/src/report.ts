import { cpus, loadavg } from "node:os";
import type { Row } from "./measurements.ts";
import type { Outcome } from "./rounds.ts";
import { type Summary, summary } from "./statistics.ts";

/** One line of `--json`. A ratio above 1 means that ours is better. */
export interface JsonRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** CPU time of one operation, both processes, in µs; null where it cannot be read. */
  readonly cpuUs: number | null;
  readonly ratios: Readonly<Record<string, number>>;
}

interface Figure {
  readonly name: string;
  readonly value: Summary;
  readonly cpuUs: number | undefined;
}

/** The first of `outcomes` is ours; undefined when it has no such value. */
export function jsonRow(row: Row, outcomes: readonly Outcome[]): JsonRow {
  const [ours, ...peers] = figuresOf(row, outcomes);
  if (ours === undefined) throw new Error(`${row.name} was not measured`);
  const ratios: Record<string, number> = {};
  for (const peer of peers) {
    ratios[peer.name] = rounded(ratioOf(row, ours, peer));
    if (peer.name === "grpc-unary" && ours.cpuUs !== undefined && peer.cpuUs !== undefined) {
      ratios["grpc-unary-cpu"] = rounded(peer.cpuUs / ours.cpuUs);
    }
  }
  return {
    name: row.name,
    value: rounded(ours.value.median),
    unit: row.unit,
    cpuUs: ours.cpuUs === undefined ? null : rounded(ours.cpuUs),
    ratios,
  };
}

/** For people: a line for each contestant, and one for each that is missing. */
export function table(row: Row, title: string, outcomes: readonly Outcome[]): string {
  const figures = figuresOf(row, outcomes);
  const [ours] = figures;
  const head = ["", row.unit, "least to most", "CPU µs each", "ratio", "CPU ratio"];
  const lines = figures.map((figure) => {
    const { name, value, cpuUs } = figure;
    const isPeer = ours !== undefined && figure !== ours;
    return [
      name,
      shown(value.median),
      `${shown(value.least)} to ${shown(value.most)}`,
      cpuUs === undefined ? "" : shown(cpuUs),
      isPeer ? `${shown(ratioOf(row, ours, figure))} ×` : "",
      isPeer && cpuUs !== undefined && ours.cpuUs !== undefined
        ? `${shown(cpuUs / ours.cpuUs)} ×`
        : "",
    ];
  });
  const missing = outcomes.flatMap((outcome) =>
    outcome.kind === "missing" ? [`  ${outcome.name}: not measured (${outcome.reason})`] : [],
  );
  return [`${row.name}: ${title}`, ...aligned([head, ...lines]), ...missing].join("\n");
}

/** Without which the figures mean nothing. */
export function machine(python: string): string {
  const [load = 0] = loadavg();
  const models = cpus();
  const model = models[0]?.model.trim() ?? "unknown processor";
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${models.length} × ${model}, load ${load.toFixed(1)}, Node ${process.versions.node}, ${python}`;
}

function figuresOf(row: Row, outcomes: readonly Outcome[]): Figure[] {
  return outcomes.flatMap((outcome) => {
    if (outcome.kind === "missing") return [];
    const values = outcome.samples.map((sample) => sample.values[row.value] ?? Number.NaN);
    const cpu = outcome.samples.flatMap(({ cpuUs }) => cpuUs ?? []);
    const cpuUs = cpu.length === 0 ? undefined : summary(cpu).median;
    return [{ name: outcome.name, value: summary(values), cpuUs }];
  });
}

function ratioOf(row: Row, ours: Figure, peer: Figure): number {
  const ratio = ours.value.median / peer.value.median;
  return row.better === "higher" ? ratio : 1 / ratio;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

function shown(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

function aligned(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  return rows.map((cells) => {
    const padded = cells.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    return `  ${padded.join("  ")}`.trimEnd();
  });
}
