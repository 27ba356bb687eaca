import { isWellFormed } from "snakepit/wire";
import type { BatchBuffer } from "./batch-buffer.ts";
import { writeHeader } from "./msgpack-headers.ts";

/** Up to here a loop beats the call into Node's UTF-8 writer, and one byte is header enough. */
const shortText = 20;

/** False, and nothing is written, when the text is not both short and ASCII. */
export function writeShortText(buffer: BatchBuffer, text: string): boolean {
  const { length } = text;
  if (length > shortText) return false;
  const { slab } = buffer;
  const begin = buffer.position + 1;
  for (let index = 0; index < length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return false;
    slab[begin + index] = unit;
  }
  slab[begin - 1] = 0xa0 | length;
  buffer.position = begin + length;
  return true;
}

/** Any text. False, and nothing is written, when it has a lone surrogate. */
export function writeLongText(buffer: BatchBuffer, text: string): boolean {
  if (!isWellFormed(text)) return false;
  // 3 bytes for a UTF-16 unit is the most; when that might not fit, the exact size decides.
  if (!buffer.fits(3 * text.length)) buffer.reserve(Buffer.byteLength(text));
  // The header's length depends on the bytes, so it is guessed, right for ASCII, and mended.
  const guess = headerLength(text.length);
  const begin = buffer.position + guess;
  const length = buffer.slab.write(text, begin, "utf8");
  const header = headerLength(length);
  if (header !== guess) {
    buffer.slab.copyWithin(buffer.position + header, begin, begin + length);
  }
  if (header === 1) buffer.slab[buffer.position++] = 0xa0 | length;
  else if (header === 2) writeHeader(buffer, 0xd9, length, 1);
  else if (header === 3) writeHeader(buffer, 0xda, length, 2);
  else writeHeader(buffer, 0xdb, length, 4);
  buffer.position += length;
  return true;
}

function headerLength(bytes: number): 1 | 2 | 3 | 5 {
  return bytes < 32 ? 1 : bytes < 0x100 ? 2 : bytes < 0x10000 ? 3 : 5;
}
