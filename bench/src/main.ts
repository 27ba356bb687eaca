import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { type Measurement, measurements } from "./measurements.ts";
import { runOn } from "./other-node.ts";
import { interpreter } from "./python-process.ts";
import { saveSeen } from "./readme.ts";
import { jsonRow, machine, markdownHead, markdownRow, table } from "./report.ts";
import { plans, runRounds } from "./rounds.ts";

const usage = `Usage: ./run bench [--short] [--json] [--save] [--only <row>]… [--node <program>]
  --short           fewer and shorter rounds: done within three minutes
  --json            one row per line on stdout; everything for people goes to stderr
  --save            writes what was seen into bench/README.md
  --node <program>  measures on another Node, 20.19 or newer
  --only <row>      ${names(measurements).join(", ")}`;

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === "string") {
    console.error(options);
    return options === usage ? 0 : 2;
  }
  if (options.node !== undefined) return runOn(options.node, withoutNode(process.argv.slice(2)));
  const { short, json, save, only } = options;
  // The figures are for programs, then; the tables are still worth a look.
  const print = json ? console.error : console.log;
  const plan = short ? plans.short : plans.full;
  const startMs = performance.now();
  const circumstances = machine(pythonVersion());
  const seen: string[] = [];
  print(circumstances);
  for (const measurement of measurements) {
    const rows = measurement.rows.filter(({ name }) => only.length === 0 || only.includes(name));
    if (rows.length === 0) continue;
    const outcomes = await runRounds(measurement, plan, showProgress);
    showProgress("");
    for (const row of rows) {
      print(`\n${table(row, measurement.title, outcomes)}`);
      const figures = jsonRow(row, outcomes);
      if (figures === undefined) continue; // nothing to read it from on this system
      if (json) console.log(JSON.stringify(figures));
      seen.push(markdownRow(row, outcomes));
    }
  }
  const tookS = Math.round((performance.now() - startMs) / 1_000);
  const command = `\`./run bench${short ? " --short" : ""}\` (${tookS} s)`;
  if (save) saveSeen(`${command}, ${circumstances}.\n\n${[markdownHead, ...seen].join("\n")}`);
  return 0;
}

interface Options {
  readonly short: boolean;
  readonly json: boolean;
  readonly save: boolean;
  readonly node?: string | undefined;
  readonly only: readonly string[];
}

/** Or what to say instead. */
function readOptions(): Options | string {
  try {
    const { values } = parseArgs({
      options: {
        short: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        save: { type: "boolean", default: false },
        node: { type: "string" },
        only: { type: "string", multiple: true, default: [] },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return usage;
    if (values.save && values.only.length > 0) return "--save needs every row, so not --only";
    const unknown = values.only.find((name) => !names(measurements).includes(name));
    return unknown === undefined ? values : `There is no row "${unknown}".\n${usage}`;
  } catch (error) {
    return `${(error as Error).message}\n${usage}`;
  }
}

/** For the bench on the other Node, which would start itself for ever. */
function withoutNode(args: readonly string[]): string[] {
  return args.filter((arg, index) => !arg.startsWith("--node") && args[index - 1] !== "--node");
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
