import { types } from "node:util";
import { isPlainInstance, type Refusal, refusalOf } from "snakepit/wire";
import { isArrowTable } from "./arrow-table.ts";
import { PyTuple } from "./collections.ts";
import { isoOf, type PyDateTime } from "./dates.ts";
import { type HasWireForm, kinds, type WireForm, wireForm } from "./kinds.ts";
import { PyPlaceholder } from "./objects.ts";
import { arrayForm } from "./tensor.ts";

/** What a value other than plain data is on the wire, or why it cannot be sent. */
export function toWire(value: object): WireForm | Refusal {
  if (types.isDate(value)) return dateForm(value);
  if (wireForm in value && typeof value[wireForm] === "function") {
    return (value as HasWireForm)[wireForm]();
  }
  if (types.isSet(value) && isPlainInstance(value)) return { kind: kinds.set, items: [...value] };
  if (ArrayBuffer.isView(value)) return arrayForm(value) ?? refusalOf(value);
  if (value instanceof PyPlaceholder) {
    return { type: "PyPlaceholder", fix: 'the object was not kept; use unknownObjects: "ref"' };
  }
  if (isArrowTable(value)) {
    return { type: "Table of apache-arrow", fix: "send await ArrowTable.from(table)" };
  }
  return refusalOf(value);
}

export function isTuple(value: readonly unknown[]): boolean {
  return value instanceof PyTuple || wireForm in value;
}

function dateForm(value: Date): WireForm | Refusal {
  const time = value.getTime();
  if (Number.isNaN(time)) return { type: "Date that is invalid", fix: "send null in its place" };
  if (wireForm in value) {
    const exact = value as unknown as PyDateTime;
    if (exact.isUnchanged) return exact[wireForm]();
    return { type: "PyDateTime that was changed", fix: "send a new one, made of ISO text" };
  }
  if (!isPlainInstance(value)) return refusalOf(value);
  const iso = isoOf(value);
  if (iso !== undefined) return { kind: kinds.datetime, leaf: iso };
  return { type: "Date outside the years 1 to 9999", fix: "send date.getTime()" };
}

/** An integer beyond 64 bits: two's complement, the most significant byte first. */
export function integerForm(value: bigint): WireForm {
  const magnitude = value < 0n ? -value - 1n : value;
  // One bit more, for the sign.
  const bytes = Math.floor((4 * magnitude.toString(16).length + 1 + 7) / 8);
  const digits = BigInt.asUintN(8 * bytes, value)
    .toString(16)
    .padStart(2 * bytes, "0");
  return { kind: kinds.integer, leaf: Buffer.from(digits, "hex") };
}
