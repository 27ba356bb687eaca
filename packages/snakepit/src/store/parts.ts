import type { CheckedChange } from "./check-arguments.ts";
import { PART_BYTES } from "./limits.ts";
import type { StoredValue } from "./store.ts";

/** Values of one write that may together travel in it; the others go ahead of it, in parts. */
const TOGETHER_BYTES = 1024 * 1024;
/** Smaller ones always travel in it. */
const TINY_BYTES = 4 * 1024;

/** Which of the changes set a value that is kept in parts, as nothing may be busy with it for long. */
export function inParts(changes: readonly CheckedChange[]): ReadonlySet<CheckedChange> {
  const apart = new Set<CheckedChange>();
  let together = 0;
  for (const change of changes) {
    if (change.kind !== "set" || change.bytes <= TINY_BYTES) continue;
    together += change.bytes;
    if (change.bytes <= PART_BYTES && together <= TOGETHER_BYTES) continue;
    together -= change.bytes;
    apart.add(change);
  }
  return apart;
}

export function partCount(bytes: number): number {
  return Math.ceil(bytes / PART_BYTES);
}

export function* partsOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += PART_BYTES) {
    yield bytes.subarray(start, start + PART_BYTES);
  }
}

export function toBytes(value: StoredValue): Uint8Array {
  return typeof value === "string" ? Buffer.from(value) : value;
}

/** `bytes` must be nobody else's. */
export function fromBytes(bytes: Uint8Array, isText: boolean): StoredValue {
  const { buffer, byteOffset, byteLength } = bytes;
  if (isText) return Buffer.from(buffer, byteOffset, byteLength).toString();
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes);
}

/** The event loop gets a turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
