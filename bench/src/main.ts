import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { type Measurement, measurements } from "./measurements.ts";
import { interpreter } from "./python-process.ts";
import { jsonRow, machine, table } from "./report.ts";
import { plans, runRounds } from "./rounds.ts";

const usage = `Usage: ./run bench [--short] [--json] [--only <row>]…
  --short        fewer and shorter rounds: done within three minutes
  --json         one row per line on stdout; everything for people goes to stderr
  --only <row>   ${names(measurements).join(", ")}`;

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === "string") {
    console.error(options);
    return options === usage ? 0 : 2;
  }
  const { short, json, only } = options;
  // The figures are for programs, then; the tables are still worth a look.
  const print = json ? console.error : console.log;
  const plan = short ? plans.short : plans.full;
  print(machine(pythonVersion()));
  for (const measurement of measurements) {
    const rows = measurement.rows.filter(({ name }) => only.length === 0 || only.includes(name));
    if (rows.length === 0) continue;
    const outcomes = await runRounds(measurement, plan, showProgress);
    showProgress("");
    for (const row of rows) {
      print(`\n${table(row, measurement.title, outcomes)}`);
      if (json) console.log(JSON.stringify(jsonRow(row, outcomes)));
    }
  }
  return 0;
}

interface Options {
  readonly short: boolean;
  readonly json: boolean;
  readonly only: readonly string[];
}

/** Or what to say instead. */
function readOptions(): Options | string {
  try {
    const { values } = parseArgs({
      options: {
        short: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        only: { type: "string", multiple: true, default: [] },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return usage;
    const unknown = values.only.find((name) => !names(measurements).includes(name));
    return unknown === undefined ? values : `There is no row "${unknown}".\n${usage}`;
  } catch (error) {
    return `${(error as Error).message}\n${usage}`;
  }
}

function names(all: readonly Measurement[]): string[] {
  return all.flatMap(({ rows }) => rows.map(({ name }) => name));
}

/** A line that the next one overwrites; nothing where there is no terminal. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function pythonVersion(): string {
  return spawnSync(interpreter(), ["--version"], { encoding: "utf8" }).stdout.trim();
}
