import { cpus, loadavg } from "node:os";
import { cpuRatioOf, figuresOf, ratioOf, totalUs } from "./figures.ts";
import type { Row } from "./measurement.ts";
import type { Outcome } from "./rounds.ts";
import { shownVerdict, type Verdict, verdicts } from "./targets.ts";

/** One line of `--json`. A ratio above 1 means that ours is better. */
export interface JsonRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** CPU time of one operation, both sides together, in µs; null where it cannot be read. */
  readonly cpuUs: number | null;
  readonly ratios: Readonly<Record<string, number>>;
}

/** The first of `outcomes` is ours; undefined when it has no such value. */
export function jsonRow(row: Row, outcomes: readonly Outcome[]): JsonRow | undefined {
  const [ours, ...peers] = figuresOf(row, outcomes);
  if (ours === undefined) return undefined;
  const ratios: Record<string, number> = {};
  for (const peer of peers) {
    ratios[peer.name] = rounded(ratioOf(row, ours, peer));
    const cpuRatio = cpuRatioOf(ours, peer);
    if (peer.name === "grpc-unary" && cpuRatio !== undefined) {
      ratios["grpc-unary-cpu"] = rounded(cpuRatio);
    }
  }
  return {
    name: row.name,
    value: rounded(ours.value.median),
    unit: row.unit,
    cpuUs: ours.cpu === undefined ? null : rounded(totalUs(ours.cpu)),
    ratios,
  };
}

/** For people: a line for each contestant, and one for each that is missing. */
export function table(row: Row, title: string, outcomes: readonly Outcome[]): string {
  const figures = figuresOf(row, outcomes);
  const [ours] = figures;
  const head = ["", row.unit, "least to most", "CPU µs each", "host + rest", "ratio", "CPU ratio"];
  const lines = figures.map((figure) => {
    const { name, value, cpu } = figure;
    const isPeer = ours !== undefined && figure !== ours;
    const cpuRatio = isPeer ? cpuRatioOf(ours, figure) : undefined;
    return [
      name,
      shown(value.median),
      `${shown(value.least)} to ${shown(value.most)}`,
      cpu === undefined ? "" : shown(totalUs(cpu)),
      cpu === undefined ? "" : `${shown(cpu.hostUs)} + ${shown(cpu.workersUs)}`,
      isPeer ? `${shown(ratioOf(row, ours, figure))} ×` : "",
      cpuRatio === undefined ? "" : `${shown(cpuRatio)} ×`,
    ];
  });
  const missing = outcomes.flatMap((outcome) =>
    outcome.kind === "missing" ? [`  ${outcome.name}: not measured (${outcome.reason})`] : [],
  );
  const wanted = verdicts(row, figures).map((verdict) => `  wanted: ${shownVerdict(verdict)}`);
  const claim = row.claim === undefined ? [] : [`  claimed elsewhere: ${row.claim}`];
  const headline = `${row.name}: ${title}`;
  return [headline, ...aligned([head, ...lines]), ...missing, ...wanted, ...claim].join("\n");
}

/** One line of the table in the README. */
export function markdownRow(row: Row, outcomes: readonly Outcome[]): string {
  const figures = figuresOf(row, outcomes);
  const [ours, ...peers] = figures;
  if (ours === undefined) return `| \`${row.name}\` | not measured | | | | | |`;
  const ratios = peers.map((peer) => {
    const cpuRatio = cpuRatioOf(ours, peer);
    const cpu = cpuRatio === undefined ? "" : ` (CPU ${brief(cpuRatio)})`;
    return `${peer.name} ${brief(ratioOf(row, ours, peer))}${cpu}`;
  });
  const { value, cpu } = ours;
  const cells = [
    `\`${row.name}\``,
    `${shown(value.median)} ${row.unit}`,
    `${shown(value.least)} to ${shown(value.most)}`,
    cpu === undefined ? "" : `${shown(cpu.hostUs)} + ${shown(cpu.workersUs)}`,
    ratios.join(", "),
    verdicts(row, figures).map(markdownVerdict).join("; "),
    row.claim ?? "",
  ];
  return `| ${cells.join(" | ")} |`;
}

export const markdownHead = [
  "| row | ours | least to most | CPU µs each, host + rest | ratios (above 1: ours is better) | wanted | claimed elsewhere |",
  "| --- | --- | --- | --- | --- | --- | --- |",
].join("\n");

/** Without which the figures mean nothing. */
export function machine(python: string): string {
  const [load = 0] = loadavg();
  const models = cpus();
  const model = models[0]?.model.trim() ?? "unknown processor";
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${models.length} × ${model}, load ${load.toFixed(1)}, Node ${process.versions.node}, ${python}`;
}

function markdownVerdict(verdict: Verdict): string {
  const text = shownVerdict(verdict);
  return verdict.isReached === false ? `**${text}**` : text;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Two digits: more of a ratio would only look exact. */
function brief(ratio: number): string {
  return Number(ratio.toPrecision(2)).toLocaleString("en");
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
