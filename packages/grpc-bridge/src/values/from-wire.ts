import { ArrowTable, type TableSource } from "./arrow-table.ts";
import { PyDate, PyDateTime, PyTime, PyTimeDelta } from "./dates.ts";
import { kinds } from "./kinds.ts";
import { PyPlaceholder, PyRef } from "./objects.ts";
import { type PathFlavour, PyComplex, PyDecimal, PyPath, PyUuid } from "./scalars.ts";
import { tensorOf } from "./tensor.ts";

/**
 * The value of a kind that holds no others, of what its extension consists of; undefined when that
 * does not fit the kind. The classes check what they are given, and throw.
 */
export function leafFromWire(kind: number, content: unknown): unknown {
  const [first, second, third, fourth] = (Array.isArray(content) ? content : []) as unknown[];
  switch (kind) {
    case kinds.integer:
      return content instanceof Uint8Array ? integerOf(content) : undefined;
    case kinds.datetime:
      return typeof content === "string" ? new PyDateTime(content) : undefined;
    case kinds.date:
      return typeof content === "string" ? new PyDate(content) : undefined;
    case kinds.time:
      return typeof content === "string" ? new PyTime(content) : undefined;
    case kinds.timedelta:
      return new PyTimeDelta({
        days: first as number,
        seconds: second as number,
        microseconds: third as number,
      });
    case kinds.decimal:
      return typeof content === "string" ? new PyDecimal(content) : undefined;
    case kinds.uuid:
      return typeof content === "string" ? new PyUuid(content) : undefined;
    case kinds.complex:
      return content instanceof Uint8Array ? complexOf(content) : undefined;
    case kinds.path:
      return new PyPath(second as string, first as PathFlavour);
    case kinds.tensor:
      return typeof first === "string" && third instanceof Uint8Array
        ? tensorOf(first, second, third)
        : undefined;
    case kinds.table:
      return new ArrowTable(second as Uint8Array, first as TableSource);
    case kinds.ref:
      return new PyRef({
        workerId: first as string,
        id: second as string,
        typeName: third as string,
        summary: fourth as string,
      });
    case kinds.placeholder:
      return new PyPlaceholder(String(first), String(second));
    default:
      return undefined;
  }
}

function integerOf(bytes: Uint8Array): bigint | undefined {
  if (bytes.length === 0) return undefined;
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${Buffer.from(bytes).toString("hex")}`));
}

function complexOf(bytes: Uint8Array): PyComplex | undefined {
  if (bytes.length !== 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return new PyComplex(view.getFloat64(0), view.getFloat64(8));
}
