import Table from "cli-table3";

/** Where a command writes, and whether for people or for programs. */
export interface Output {
  readonly isJson: boolean;
  /** A line for people. */
  line(text?: string): void;
  /** A document for programs. */
  json(value: unknown): void;
  /** As one line, where one after another is written. */
  jsonLine(value: unknown): void;
  bold(text: string): string;
}

export function outputFor(stream: NodeJS.WriteStream, isJson: boolean): Output {
  const colours = hasColours(stream);
  return {
    isJson,
    line: (text = "") => void stream.write(`${text}\n`),
    json: (value) => void stream.write(`${JSON.stringify(value, null, 2)}\n`),
    jsonLine: (value) => void stream.write(`${JSON.stringify(value)}\n`),
    bold: (text) => (colours ? `\x1b[1m${text}\x1b[22m` : text),
  };
}

/** https://no-color.org: any value that is not empty. */
function hasColours(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR = "", TERM } = process.env;
  return stream.isTTY === true && NO_COLOR === "" && TERM !== "dumb";
}

const lines = [
  ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left"],
  ...["bottom-right", "left", "left-mid", "mid", "mid-mid", "right", "right-mid"],
];
const noLines = Object.fromEntries(lines.map((name) => [name, ""]));

/** Columns with nothing but space between them. Numbers stand at the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const isNumber = head.map((_, column) => rows.every((row) => typeof row[column] !== "string"));
  const grid = new Table({
    head: [...head],
    chars: { ...noLines, middle: "  " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
    colAligns: isNumber.map((right) => (right ? "right" : "left")),
  });
  for (const row of rows) grid.push(row.map(cell));
  return grid
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
}

/** A number is written with its digits in groups. A `Measure` counts as one. */
export type Cell = string | number | Measure | undefined;

/** A number with its unit. */
export interface Measure {
  readonly text: string;
}

function cell(value: Cell): string {
  if (value === undefined) return "-";
  if (typeof value === "number") return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  return clean(typeof value === "string" ? value : value.text);
}

/** Names come from the application: none may move the cursor of whoever looks. */
export function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "\uFFFD");
}
