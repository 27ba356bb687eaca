import { spawnSync } from "node:child_process";
import { untilInterrupted } from "./interruption.ts";
import type { Measurement } from "./measurement.ts";
import { measurements } from "./measurements.ts";
import { openContestants } from "./open-contestants.ts";
import { type Options, readOptions, usage, withoutNode } from "./options.ts";
import { runOn } from "./other-node.ts";
import { interpreter } from "./python-process.ts";
import { saveSeen } from "./readme.ts";
import { jsonRow, machine, markdownHead, markdownRow, table } from "./report.ts";
import { plans, type Run, runRounds } from "./rounds.ts";

process.exitCode = await untilInterrupted(main);

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions();
  if (typeof options === "string") {
    console.error(options);
    return options === usage ? 0 : 2;
  }
  if (options.node !== undefined) return runOn(options.node, withoutNode(process.argv.slice(2)));
  const { short, all, json, save, only } = options;
  // The figures are for programs, then; the tables are still worth a look.
  const print = json ? console.error : console.log;
  const startMs = performance.now();
  const plan = short ? plans.short : plans.full;
  const run: Run = { plan, signal, startMs, onProgress: showProgress };
  const circumstances = machine(pythonVersion());
  const seen = { promises: [] as string[], details: [] as string[] };
  let isComplete = true;
  print(circumstances);
  for (const together of withTheSameEntries(measurements.filter((one) => isWanted(one, options)))) {
    await using open = await openContestants(together[0].entries, run);
    for (const measurement of together) {
      const outcomes = await runRounds(measurement, open, run);
      showProgress("");
      isComplete &&= outcomes[0]?.kind === "measured";
      for (const row of measurement.rows) {
        if (only.length > 0 && !only.includes(row.name)) continue;
        print(`\n${table(row, measurement.title, outcomes)}`);
        const figures = jsonRow(row, outcomes);
        if (json && figures !== undefined) console.log(JSON.stringify(figures));
        seen[measurement.isDetail ? "details" : "promises"].push(markdownRow(row, outcomes));
      }
    }
  }
  const tookS = Math.round((performance.now() - startMs) / 1_000);
  print(`\n${tookS} s`);
  const flags = `${short ? " --short" : ""}${short && all ? " --all" : ""}`;
  const head = `\`./run bench${flags}\` (${tookS} s), ${circumstances}.`;
  for (const part of ["promises", "details"] as const) {
    if (!save || seen[part].length === 0) continue; // a short run leaves the old details there
    saveSeen(part, `${head}\n\n${[markdownHead, ...seen[part]].join("\n")}`);
  }
  return isComplete ? 0 : 1;
}

function isWanted({ rows, isDetail }: Measurement, { only, short, all }: Options): boolean {
  if (only.length > 0) return rows.some(({ name }) => only.includes(name));
  return !(short && !all && isDetail);
}

/** Neighbours that share their contestants, which are opened once for them. */
function withTheSameEntries(wanted: readonly Measurement[]): [Measurement, ...Measurement[]][] {
  const groups: [Measurement, ...Measurement[]][] = [];
  for (const measurement of wanted) {
    const last = groups.at(-1);
    if (last?.[0].entries === measurement.entries) last.push(measurement);
    else groups.push([measurement]);
  }
  return groups;
}

/** A line that the next one overwrites; nothing where there is no terminal. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function pythonVersion(): string {
  return spawnSync(interpreter(), ["--version"], { encoding: "utf8" }).stdout.trim();
}
