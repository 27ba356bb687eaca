import type { TraceFrame, TraceListener } from "../adapter.ts";
import type { BatchEncoder } from "./codec.ts";
import { ToHost, ToWorker } from "./records.ts";

type Direction = TraceFrame["direction"];

/** The records of docs/protocol.md by name, as `ToHost` and `ToWorker` have them by number. */
const kinds: Readonly<Record<Direction, ReadonlyMap<unknown, string>>> = {
  "to-worker": byNumber(ToWorker),
  "to-host": byNumber(ToHost),
};

function byNumber(records: Readonly<Record<string, number>>): ReadonlyMap<unknown, string> {
  return new Map(Object.entries(records).map(([name, kind]) => [kind, name]));
}

/** The same encoder, telling of each record that it has taken. */
export function tracedEncoder(encoder: BatchEncoder, tell: TraceListener): BatchEncoder {
  return {
    get bytes() {
      return encoder.bytes;
    },
    get records() {
      return encoder.records;
    },
    add(record) {
      const before = encoder.bytes;
      const big = encoder.add(record);
      const bytes =
        big === undefined
          ? encoder.bytes - before
          : big.parts.reduce((sum, part) => sum + part.length, big.frame.length);
      const [kind, , command] = record;
      const isCall = kind === ToWorker.call || kind === ToWorker.stream;
      tell({
        ...frame("to-worker", record, bytes),
        command: isCall ? String(command) : undefined,
        value: isCall ? record[3] : carried(record),
      });
      return big;
    },
    finish: (acked) => encoder.finish(acked),
  };
}

/** The calls that wait for an answer, by their ids. */
interface Asked {
  get(id: unknown): { readonly command: string } | undefined;
}

/** Of a batch of which nobody has looked at the records yet: what is none is told by whoever does. */
export function tellReceived(
  tell: TraceListener,
  batch: readonly unknown[],
  bytes: number,
  asked: Asked,
): void {
  const records = batch.filter((record) => Array.isArray(record));
  const share = Math.ceil(bytes / Math.max(1, records.length));
  for (const record of records) {
    const command = asked.get(record[1])?.command;
    tell({ ...frame("to-host", record, share), command, value: carried(record) });
  }
}

function frame(direction: Direction, record: readonly unknown[], bytes: number) {
  const [kind, id] = record;
  return {
    direction,
    kind: kinds[direction].get(kind) ?? `kind ${String(kind)}`,
    // 0 is no call, but the connection as a whole.
    id: id === 0 || id === undefined ? undefined : String(id),
    bytes,
  };
}

function carried(record: readonly unknown[]): unknown {
  return record.length > 3 ? record.slice(2) : record[2];
}
