import { parseArgs } from "node:util";
import type { Measurement } from "./measurement.ts";
import { measurements } from "./measurements.ts";

export const usage = `Usage: ./run bench [--short] [--all] [--json] [--save] [--only <row>]… [--node <program>]
  --short           fewer and shorter rounds, and no details: done within three minutes
  --all             with --short: the details of the pool, its stores and its queue as well
  --json            one row per line on stdout; everything for people goes to stderr
  --save            writes what was seen into bench/README.md
  --node <program>  measures on another Node, 20.19 or newer
  --only <row>      ${names(measurements).join(", ")}`;

export interface Options {
  readonly short: boolean;
  readonly all: boolean;
  readonly json: boolean;
  readonly save: boolean;
  readonly node?: string | undefined;
  readonly only: readonly string[];
}

/** Or what to say instead. */
export function readOptions(): Options | string {
  try {
    const { values } = parseArgs({
      options: {
        short: { type: "boolean", default: false },
        all: { type: "boolean", default: false },
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
export function withoutNode(args: readonly string[]): string[] {
  return args.filter((arg, index) => !arg.startsWith("--node") && args[index - 1] !== "--node");
}

function names(all: readonly Measurement[]): string[] {
  return all.flatMap(({ rows }) => rows.map(({ name }) => name));
}
