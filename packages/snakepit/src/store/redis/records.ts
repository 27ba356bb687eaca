import { type CheckedChange, parseRecordKey, recordKey } from "../check-arguments.ts";
import { fromBytes } from "../parts.ts";
import type { RecordHint, RecordInfo, StoredRecord, StoredSession } from "../store.ts";
import type { Argument } from "./connection.ts";

/** A record as the server keeps it; `value` is empty when it is elsewhere. See `scripts.ts`. */
export interface RecordEntry extends RecordInfo {
  /** 0: as long as its scope. */
  readonly endsAtMs: number;
  readonly isText: boolean;
  readonly blob: string | undefined;
  readonly value: Uint8Array;
}

/** The seven arguments of one change. `blob`: where its value is already. */
export function changeArguments(change: CheckedChange, blob: string | undefined): Argument[] {
  const { namespace, name } = change;
  const field = recordKey(namespace, name);
  if (change.kind === "delete") return ["d", field, expected(change), "", "", "", ""];
  const ttl = change.ttlMs === Number.POSITIVE_INFINITY ? "" : String(change.ttlMs);
  const value = blob === undefined ? inline(change) : "";
  return ["s", field, expected(change), ttl, restOfHead(change, blob), value, blob ?? ""];
}

export type SetChange = CheckedChange & { readonly kind: "set" };

/** The arguments of `overwriteRecord`, which takes one small value without an end. */
export function overwriteArguments(change: SetChange, epoch: string): Argument[] {
  const field = recordKey(change.namespace, change.name);
  return [field, expected(change), epoch, restOfHead(change), inline(change)];
}

function expected({ expect }: CheckedChange): string {
  return expect === undefined ? "" : String(expect);
}

function restOfHead({ bytes, value, type }: SetChange, blob = ""): string {
  return `${bytes}|${typeof value === "string" ? "t" : "b"}|${blob}|${type}`;
}

function inline({ value }: SetChange): string | Buffer {
  return typeof value === "string" ? value : toBuffer(value);
}

/** The client takes other arrays of bytes for lists of numbers. */
export function toBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

export function parseInfo(field: string, head: string): RecordInfo {
  const { namespace, name, version, type, bytes } = parseHead(field, head);
  return { namespace, name, version, type, bytes };
}

export function parseEntry(field: string, entry: Buffer): RecordEntry {
  const end = entry.indexOf(0);
  return {
    ...parseHead(field, entry.toString("latin1", 0, end)),
    value: entry.subarray(end + 1),
  };
}

export function recordOf(entry: RecordEntry, bytes: Uint8Array): StoredRecord {
  const { namespace, name, version, type, isText } = entry;
  // What the client hands out may be a part of a larger buffer of its own.
  const value = isText ? fromBytes(bytes, true) : new Uint8Array(bytes);
  return { namespace, name, version, type, bytes: entry.bytes, value };
}

function parseHead(field: string, head: string): Omit<RecordEntry, "value"> {
  const [version, ends, bytes, form, blob, ...type] = head.split("|");
  return {
    ...parseRecordKey(field),
    version: Number(version),
    endsAtMs: Number(ends),
    bytes: Number(bytes),
    isText: form === "t",
    blob: blob === "" ? undefined : blob,
    type: type.join("|"),
  };
}

/** undefined: everything may be different. */
export function parseHints(message: string): readonly RecordHint[] | undefined {
  if (message === "*") return undefined;
  return message.split("\n").map((line) => {
    const bar = line.indexOf("|");
    const version = Number(line.slice(1, bar));
    return { ...parseRecordKey(line.slice(bar + 1)), version, isDeleted: line[0] === "d" };
  });
}

/** undefined: there is no such session. */
export function parseSession(
  id: string,
  fields: readonly (Buffer | null)[],
): StoredSession | undefined {
  const [epoch, ttl, created, used, version, data] = fields.map((field) => field?.toString());
  if (epoch === undefined) return undefined;
  return {
    id,
    epoch,
    ttlMs: ttl === "inf" ? Number.POSITIVE_INFINITY : Number(ttl),
    createdAtMs: Number(created),
    lastUsedAtMs: Number(used),
    version: Number(version),
    data: data ?? "",
  };
}
