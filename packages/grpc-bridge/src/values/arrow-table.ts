import { SnakepitError, show } from "snakepit";
import { invalid } from "./invalid.ts";
import { type HasWireForm, kinds, type WireForm, wireForm } from "./kinds.ts";

const sources = [
  "pyarrow.Table",
  "pyarrow.RecordBatch",
  "pandas.DataFrame",
  "pandas.Series",
  "polars.DataFrame",
  "polars.Series",
] as const;
/** What a table is in Python. */
export type TableSource = (typeof sources)[number];

/**
 * A table of columns, as the bytes of an Arrow IPC stream: what pyarrow, pandas and polars hold.
 * Sent back, it is the same kind of object again.
 */
export class ArrowTable implements HasWireForm {
  /** An Arrow IPC stream: a schema and the record batches. */
  readonly bytes: Uint8Array;
  readonly source: TableSource;

  /**
   * Looks at no more than the class of the bytes: what is no Arrow IPC stream is refused by Python,
   * with SERIALIZATION.
   * @throws SnakepitError INVALID_ARGUMENT when they are no bytes, or there is no such kind of table
   */
  constructor(bytes: Uint8Array, source: TableSource = "pyarrow.Table") {
    if (!(bytes instanceof Uint8Array))
      throw invalid("the bytes of an ArrowTable", `are bytes, not ${show(bytes)}`);
    if (!sources.includes(source)) {
      throw invalid(
        "the source of an ArrowTable",
        `is one of ${sources.join(", ")}, not ${show(source)}`,
      );
    }
    this.bytes = bytes;
    this.source = source;
  }

  /**
   * From a `Table` of the package apache-arrow, which the program must have installed.
   * @throws SnakepitError UNSUPPORTED when it has not; INVALID_ARGUMENT when it is no such table
   */
  static async from(table: object, source?: TableSource): Promise<ArrowTable> {
    if (!isArrowTable(table)) {
      throw invalid(
        "ArrowTable.from",
        `takes a Table of apache-arrow, not ${describe(table)}; for bytes of an Arrow IPC stream use new ArrowTable(bytes)`,
      );
    }
    const { tableToIPC } = await loadArrow();
    return tableOf(tableToIPC(table, "stream"), source);
  }

  /**
   * As a `Table` of the package apache-arrow: `await table.toArrow<Table>()`. It may share memory
   * with `bytes`.
   * @throws SnakepitError UNSUPPORTED when the program has not installed it
   */
  async toArrow<Table = unknown>(): Promise<Table> {
    const { tableFromIPC } = await loadArrow();
    return tableFromIPC(this.bytes) as Table;
  }

  [wireForm](): WireForm {
    return { kind: kinds.table, leaf: [this.source, this.bytes] };
  }
}

/** Outside of the class: bundlers rename a class whose static members name it. */
function tableOf(bytes: Uint8Array, source?: TableSource): ArrowTable {
  return new ArrowTable(bytes, source);
}

/** Of any installed copy of the package, as its own `isArrowTable` tells: by what a table has. */
export function isArrowTable(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { schema, batches } = value as { readonly schema?: unknown; readonly batches?: unknown };
  return (
    typeof schema === "object" && schema !== null && "fields" in schema && Array.isArray(batches)
  );
}

function describe(value: unknown): string {
  const shown = show(value);
  return shown === "an object" ? "another object" : shown;
}

/** What we need of the optional peer; its own types would have to be there for every user of ours. */
interface Arrow {
  tableToIPC(table: object, format: "stream"): Uint8Array;
  tableFromIPC(bytes: Uint8Array): object;
}

async function loadArrow(): Promise<Arrow> {
  try {
    return (await import("apache-arrow")) as unknown as Arrow;
  } catch (cause) {
    const message = "tables of apache-arrow need that package: npm install apache-arrow";
    throw new SnakepitError("UNSUPPORTED", message, { cause, outcome: "not-started" });
  }
}
