import type { BatchBuffer } from "./batch-buffer.ts";

/** Type byte, length in one byte or four, kind. */
const shortHeader = 3;
const longHeader = 6;
type ExtensionHeader = typeof shortHeader | typeof longHeader;

/** `lead`, then the length in so many bytes. */
export function writeHeader(
  buffer: BatchBuffer,
  lead: number,
  length: number,
  lengthBytes: 1 | 2 | 4,
): void {
  buffer.slab[buffer.position++] = lead;
  for (let shift = 8 * lengthBytes - 8; shift >= 0; shift -= 8) {
    buffer.slab[buffer.position++] = length >>> shift;
  }
}

export function writeArrayHeader(buffer: BatchBuffer, length: number): void {
  if (length < 16) buffer.slab[buffer.position++] = 0x90 | length;
  else if (length < 0x10000) writeHeader(buffer, 0xdc, length, 2);
  else writeHeader(buffer, 0xdd, length, 4);
}

export function arrayHeaderLength(length: number): 1 | 3 | 5 {
  return length < 16 ? 1 : length < 0x10000 ? 3 : 5;
}

export function writeBinary(buffer: BatchBuffer, value: Uint8Array): void {
  const { length } = value;
  buffer.reserve(length);
  if (length < 0x100) writeHeader(buffer, 0xc4, length, 1);
  else if (length < 0x10000) writeHeader(buffer, 0xc5, length, 2);
  else writeHeader(buffer, 0xc6, length, 4);
  buffer.slab.set(value, buffer.position);
  buffer.position += length;
}

/** An extension of two numbers, 4 bytes each. */
export function writeLongPair(
  buffer: BatchBuffer,
  kind: number,
  first: number,
  second: number,
): void {
  const { slab, view, position } = buffer;
  slab[position] = 0xd7;
  slab[position + 1] = kind;
  view.setUint32(position + 2, first);
  view.setUint32(position + 6, second);
  buffer.position = position + 10;
}

// How many entries a map has is known when they are written, since undefined ones are left out.
// One byte in front is enough for 15 of them; the 16th makes it the longest form.

/** Where the header is, counted from `start`. */
export function openMap(buffer: BatchBuffer): number {
  return buffer.position++ - buffer.start;
}

/** Before the 16th entry is written. */
export function widenMap(buffer: BatchBuffer, header: number): void {
  buffer.reserve(4);
  const begin = buffer.start + header + 1;
  buffer.slab.copyWithin(begin + 4, begin, buffer.position);
  buffer.position += 4;
}

export function closeMap(buffer: BatchBuffer, header: number, count: number): void {
  const position = buffer.start + header;
  if (count < 16) {
    buffer.slab[position] = 0x80 | count;
  } else {
    buffer.slab[position] = 0xdf;
    buffer.slab.writeUInt32BE(count, position + 1);
  }
}

// The header of an extension gives its length, which is known when it is written. Room is left for
// the short header, or for the long one where there is much binary data to come.

/** Where the content begins, counted from `start`. */
export function openExtension(buffer: BatchBuffer, isLong: boolean): number {
  buffer.ensureStep();
  buffer.position += isLong ? longHeader : shortHeader;
  return buffer.position - buffer.start;
}

/** `isLong` as when it was opened: the content need not be moved then. */
export function closeExtension(
  buffer: BatchBuffer,
  content: number,
  kind: number,
  isLong: boolean,
): void {
  const length = buffer.position - buffer.start - content;
  let header: ExtensionHeader = isLong ? longHeader : shortHeader;
  if (length > 0xff && !isLong) {
    buffer.reserve(longHeader - shortHeader);
    const begin = buffer.start + content;
    buffer.slab.copyWithin(begin + longHeader - shortHeader, begin, buffer.position);
    buffer.position += longHeader - shortHeader;
    header = longHeader;
  }
  const end = buffer.position;
  buffer.position = end - length - header;
  if (header === longHeader) writeHeader(buffer, 0xc9, length, 4);
  else writeHeader(buffer, 0xc7, length, 1);
  buffer.slab[buffer.position++] = kind;
  buffer.position = end;
}
