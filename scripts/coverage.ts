import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./workspace.ts";

/** One row per member: its share of covered lines and branches, as its tests left it in `reports/`. */
export function readCoverage(): string {
  const typescript = globSync("{*,packages/*,apps/*}/reports/coverage/coverage-summary.json", {
    cwd: root,
  }).map((file) => {
    const { total } = readJson<{ total: { lines: Share; branches: Share } }>(file);
    return row(dirname(dirname(dirname(file))), total.lines.pct, total.branches.pct);
  });
  const python = globSync("python/reports/coverage.json", { cwd: root }).map((file) => {
    const { totals } = readJson<{ totals: PythonTotals }>(file);
    const lines = (100 * totals.covered_lines) / totals.num_statements;
    return row("python", lines, (100 * totals.covered_branches) / totals.num_branches);
  });
  return [`${"coverage".padEnd(24)}  lines  branches`, ...typescript.sort(), ...python].join("\n");
}

interface Share {
  readonly pct: number;
}

interface PythonTotals {
  readonly covered_lines: number;
  readonly num_statements: number;
  readonly covered_branches: number;
  readonly num_branches: number;
}

function row(member: string, lines: number, branches: number): string {
  return `${member.padEnd(24)} ${lines.toFixed(1).padStart(5)}%    ${branches.toFixed(1).padStart(5)}%`;
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(join(root, file), "utf8")) as T;
}
