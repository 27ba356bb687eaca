import type { BatchBuffer } from "./batch-buffer.ts";

const int64Min = -(2n ** 63n);
const uint64Max = 2n ** 64n - 1n;

/** An integer in its shortest form where it is a safe one, else a float of 64 bits. */
export function writeNumber(buffer: BatchBuffer, value: number): void {
  const { slab } = buffer;
  let { position } = buffer;
  if (value === (value | 0) && (value !== 0 || !Object.is(value, -0))) {
    if (value >= 0) {
      if (value < 0x80) {
        slab[position++] = value;
      } else if (value < 0x100) {
        slab[position++] = 0xcc;
        slab[position++] = value;
      } else if (value < 0x10000) {
        slab[position++] = 0xcd;
        slab[position++] = value >>> 8;
        slab[position++] = value;
      } else {
        slab[position++] = 0xce;
        slab[position++] = value >>> 24;
        slab[position++] = value >>> 16;
        slab[position++] = value >>> 8;
        slab[position++] = value;
      }
    } else if (value >= -0x20) {
      slab[position++] = value;
    } else if (value >= -0x80) {
      slab[position++] = 0xd0;
      slab[position++] = value;
    } else if (value >= -0x8000) {
      slab[position++] = 0xd1;
      slab[position++] = value >>> 8;
      slab[position++] = value;
    } else {
      slab[position++] = 0xd2;
      slab[position++] = value >>> 24;
      slab[position++] = value >>> 16;
      slab[position++] = value >>> 8;
      slab[position++] = value;
    }
    buffer.position = position;
  } else if (Number.isSafeInteger(value) && value !== 0) {
    writeLongInteger(buffer, value);
  } else {
    writeFloat(buffer, value);
  }
}

/** A safe integer that does not fit 32 bits with a sign. */
function writeLongInteger(buffer: BatchBuffer, value: number): void {
  const { slab, view, position } = buffer;
  if (value > 0 && value <= 0xffffffff) {
    slab[position] = 0xce;
    view.setUint32(position + 1, value);
    buffer.position = position + 5;
  } else {
    slab[position] = value < 0 ? 0xd3 : 0xcf;
    view.setInt32(position + 1, Math.floor(value / 2 ** 32));
    view.setUint32(position + 5, value); // the low half: modulo 2^32
    buffer.position = position + 9;
  }
}

export function writeFloat(buffer: BatchBuffer, value: number): void {
  const { position } = buffer;
  buffer.slab[position] = 0xcb;
  buffer.view.setFloat64(position + 1, value);
  buffer.position = position + 9;
}

/** Whether MessagePack has an integer for it. */
export function fitsInt64(value: bigint): boolean {
  return value >= int64Min && value <= uint64Max;
}

/** For those that `fitsInt64`. */
export function writeInt64(buffer: BatchBuffer, value: bigint): void {
  const { slab, view, position } = buffer;
  slab[position] = value < 0n ? 0xd3 : 0xcf;
  if (value < 0n) view.setBigInt64(position + 1, value);
  else view.setBigUint64(position + 1, value);
  buffer.position = position + 9;
}

/** How many bytes `writeNumber` takes for an integer that is not negative and has 32 bits. */
export function integerLength(value: number): 1 | 2 | 3 | 5 {
  return value < 0x80 ? 1 : value < 0x100 ? 2 : value < 0x10000 ? 3 : 5;
}
