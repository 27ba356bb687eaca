import { types } from "node:util";
import type { SnakepitError } from "snakepit";
import {
  type BatchEncoder,
  type BigRecord,
  type EncoderOptions,
  explain,
  isPlainArray,
  isPlainObject,
  isWellFormed,
  maxDepth,
  PART_BYTES,
  type PathKey,
  type Refusal,
  reentered,
  refusalOf,
  refusals,
  refused,
  SMALLEST_PART_BYTES,
  tooLarge,
  valueTooLarge,
} from "snakepit/wire";
import { kinds, type Leaf, type WireForm } from "./kinds.ts";
import { integerForm, isTuple, toWire } from "./to-wire.ts";

/** Frames are cut from slabs of this size, so that a frame costs no allocation of its own. */
const slabBytes = 256 * 1024;
/** A batch of 256 small calls takes about 8 KiB: with less than that left, a new slab is cheaper. */
const slabRestBytes = 16 * 1024;
/** The array header and the acknowledgement, at most 5 bytes each; written last, right-aligned. */
const headerBytes = 10;
/** Room that is there before each step: a key of `shortText` in UTF-8 and a number, or less. */
const stepBytes = 128;
/** Up to here a loop beats the call into Node's UTF-8 writer, and one byte is header enough. */
const shortText = 20;

/** Type byte, length in one byte or four, kind. */
const shortHeader = 3;
const longHeader = 6;
type ExtensionHeader = typeof shortHeader | typeof longHeader;
/** Where a record's binaries have so many bytes in all, medium ones leave it, too. */
const manyBytes = 1024 * 1024;
/** An array of two: the acknowledgement, which is 0, and the one record. */
const aloneHeader = [0x92, 0x00];

const int64Min = -(2n ** 63n);
const uint64Max = 2n ** 64n - 1n;
const hasOwn = Object.prototype.hasOwnProperty;

/**
 * Checks, sizes and encodes each record in one walk, straight into the frame that will be sent.
 * What it carries and what it refuses: `docs/protocol.md`, "Codecs".
 */
export class MessagePackEncoder implements BatchEncoder {
  readonly #headroom: number;
  readonly #maxBytes: number;
  readonly #maxValueBytes: number;
  #slab!: Buffer;
  #numbers!: DataView;
  /** Where the records of this batch begin. The header goes in front of it, then the headroom. */
  #start = 0;
  #position = 0;
  /** A step that begins behind this has to ask `#reserve`: slab or document may be full. */
  #stepEnd = 0;
  #records = 0;
  /** The keys that lead to the value at hand: `#depth + 1` of them, the rest is stale. */
  readonly #path: PathKey[] = [];
  #depth = 0;
  #busy = false;
  /** The call of the record at hand, and its binaries that are too big for a document. */
  #callId: unknown;
  #parts: Uint8Array[] | undefined;
  #partsBytes = 0;
  readonly #leastPartBytes: number;
  /** Of the record at hand: its binaries of `#leastPartBytes` and more that stay in the document. */
  #inlineBytes = 0;

  constructor({ headroom, maxBytes, maxValueBytes }: EncoderOptions) {
    this.#headroom = headroom;
    this.#maxBytes = maxBytes;
    this.#maxValueBytes = maxValueBytes ?? 0;
    this.#leastPartBytes =
      maxValueBytes === undefined ? Number.POSITIVE_INFINITY : SMALLEST_PART_BYTES;
    this.#use(Buffer.allocUnsafeSlow(slabBytes));
    this.#openBatch(0);
  }

  /** Counts the header at its longest, so the finished document may be 8 bytes shorter. */
  get bytes(): number {
    return this.#position - this.#start + headerBytes;
  }

  get records(): number {
    return this.#records;
  }

  /**
   * @throws SnakepitError VALUE_TOO_LARGE when the document, earlier records included, would pass
   * `maxBytes`: with `records` above 0, finish the batch and add the record to the next one.
   */
  add(record: readonly unknown[]): BigRecord | undefined {
    // A getter inside the record may do anything, also make a call through this encoder.
    if (this.#busy) throw reentered();
    this.#busy = true;
    // Counted from the start, because the batch may move to another slab.
    const before = this.#position - this.#start;
    this.#depth = 0;
    this.#callId = record[1];
    this.#inlineBytes = 0;
    try {
      this.#writeElements(record);
      if (this.bytes > this.#maxBytes) throw this.#tooLarge(0);
      if (this.#parts !== undefined) return this.#takeOut(before, this.#parts);
      this.#records++;
    } catch (error) {
      this.#position = this.#start + before;
      this.#parts = undefined;
      throw explain(error, record, this.#path.slice(0, this.#depth + 1));
    } finally {
      this.#busy = false;
    }
  }

  /** The record leaves the batch, into a document of its own. */
  #takeOut(before: number, parts: readonly Uint8Array[]): BigRecord {
    const begin = this.#start + before;
    const record = this.#slab.subarray(begin, this.#position);
    const frame = Buffer.allocUnsafe(this.#headroom + aloneHeader.length + record.length);
    frame.set(aloneHeader, this.#headroom);
    frame.set(record, this.#headroom + aloneHeader.length);
    this.#position = begin;
    this.#parts = undefined;
    return { frame, parts };
  }

  finish(acked: number): Uint8Array {
    if (this.#busy) throw reentered();
    const end = this.#position;
    const count = this.#records + 1;
    const headerStart = this.#start - arrayHeaderLength(count) - integerLength(acked);
    this.#position = headerStart;
    this.#writeArrayHeader(count);
    this.#writeNumber(acked);
    const frame = this.#slab.subarray(headerStart - this.#headroom, end);
    this.#records = 0;
    // A slab that grew for a large batch is let go with it: small frames would keep all of it.
    const reusable = this.#slab.length === slabBytes && end + slabRestBytes <= slabBytes;
    if (!reusable) this.#use(Buffer.allocUnsafeSlow(slabBytes));
    this.#openBatch(reusable ? end : 0);
    return frame;
  }

  #use(slab: Buffer): void {
    this.#slab = slab;
    this.#numbers = new DataView(slab.buffer, slab.byteOffset, slab.length);
  }

  #openBatch(begin: number): void {
    this.#start = this.#position = begin + this.#headroom + headerBytes;
    this.#setStepEnd();
  }

  #setStepEnd(): void {
    const documentEnd = this.#start - headerBytes + this.#maxBytes;
    this.#stepEnd = Math.min(this.#slab.length - stepBytes, documentEnd);
  }

  /** Makes room for `bytes`, which is known to be needed, and one step more. */
  #reserve(bytes: number): void {
    if (this.bytes + bytes > this.#maxBytes) throw this.#tooLarge(bytes);
    if (this.#position + bytes + stepBytes <= this.#slab.length) return;
    // The batch moves to a new slab; frames that were cut from the old one are still on their way.
    // Doubling bounds what is copied in all.
    const begin = this.#start - headerBytes - this.#headroom;
    const needed = this.#position - begin + bytes + stepBytes;
    const slab = Buffer.allocUnsafeSlow(needed > slabBytes ? 2 * needed : slabBytes);
    this.#slab.copy(slab, 0, begin, this.#position);
    this.#use(slab);
    this.#start -= begin;
    this.#position -= begin;
    this.#setStepEnd();
  }

  #tooLarge(bytes: number): SnakepitError {
    const beside = Number.isFinite(this.#leastPartBytes) ? this.#maxValueBytes : undefined;
    return tooLarge(this.bytes + bytes, this.#maxBytes, beside);
  }

  #writeValue(value: unknown): void {
    if (this.#position > this.#stepEnd) this.#reserve(0);
    switch (typeof value) {
      case "number":
        this.#writeNumber(value);
        break;
      case "string":
        this.#writeText(value);
        break;
      case "object":
        if (value === null) this.#writeByte(0xc0);
        else this.#writeObject(value);
        break;
      case "boolean":
        this.#writeByte(value ? 0xc3 : 0xc2);
        break;
      case "undefined":
        this.#writeByte(0xc0);
        break;
      case "bigint":
        this.#writeBigInt(value);
        break;
      default:
        throw this.#refuse(refusalOf(value));
    }
  }

  #writeNumber(value: number): void {
    const slab = this.#slab;
    let position = this.#position;
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
      this.#position = position;
    } else if (Number.isSafeInteger(value) && value !== 0) {
      if (value > 0 && value <= 0xffffffff) {
        slab[position] = 0xce;
        this.#numbers.setUint32(position + 1, value);
        this.#position = position + 5;
      } else {
        slab[position] = value < 0 ? 0xd3 : 0xcf;
        this.#numbers.setInt32(position + 1, Math.floor(value / 2 ** 32));
        this.#numbers.setUint32(position + 5, value); // the low half: modulo 2^32
        this.#position = position + 9;
      }
    } else {
      slab[position] = 0xcb;
      this.#numbers.setFloat64(position + 1, value);
      this.#position = position + 9;
    }
  }

  #writeBigInt(value: bigint): void {
    if (value < int64Min || value > uint64Max) {
      this.#writeForm(integerForm(value));
      return;
    }
    if (value < 0n) {
      this.#writeByte(0xd3);
      this.#numbers.setBigInt64(this.#position, value);
    } else {
      this.#writeByte(0xcf);
      this.#numbers.setBigUint64(this.#position, value);
    }
    this.#position += 8;
  }

  #writeText(text: string): void {
    if (text.length > shortText || !this.#writeShortText(text)) this.#writeLongText(text);
  }

  /** False, and nothing is written, when the text is not ASCII. */
  #writeShortText(text: string): boolean {
    const { length } = text;
    const slab = this.#slab;
    const begin = this.#position + 1;
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) return false;
      slab[begin + index] = unit;
    }
    slab[begin - 1] = 0xa0 | length;
    this.#position = begin + length;
    return true;
  }

  /** Any text that is not both short and ASCII. */
  #writeLongText(text: string): void {
    if (!isWellFormed(text)) throw this.#refuse(refusals.loneSurrogate);
    // 3 bytes for a UTF-16 unit is the most; when that might not fit, the exact size decides.
    if (this.#position + 3 * text.length > this.#stepEnd) this.#reserve(Buffer.byteLength(text));
    // The header's length depends on the bytes, so it is guessed, right for ASCII, and mended.
    const guess = textHeaderLength(text.length);
    const begin = this.#position + guess;
    const bytes = this.#slab.write(text, begin, "utf8");
    const header = textHeaderLength(bytes);
    if (header !== guess) {
      this.#slab.copyWithin(this.#position + header, begin, begin + bytes);
    }
    if (header === 1) this.#writeByte(0xa0 | bytes);
    else if (header === 2) this.#writeHeader(0xd9, bytes, 1);
    else if (header === 3) this.#writeHeader(0xda, bytes, 2);
    else this.#writeHeader(0xdb, bytes, 4);
    this.#position += bytes;
  }

  /** The one place where binary data of any kind enters the document. */
  #writeBytes(value: Uint8Array): void {
    const { length } = value;
    if (length >= this.#leastPartBytes && this.#leaves(length)) return this.#writePart(value);
    this.#reserve(length);
    if (length < 0x100) this.#writeHeader(0xc4, length, 1);
    else if (length < 0x10000) this.#writeHeader(0xc5, length, 2);
    else this.#writeHeader(0xc6, length, 4);
    this.#slab.set(value, this.#position);
    this.#position += length;
  }

  /** Big ones always; smaller ones when the record they are in would be a large document. */
  #leaves(length: number): boolean {
    if (length >= PART_BYTES || this.#inlineBytes + length > manyBytes) return true;
    this.#inlineBytes += length;
    return false;
  }

  /** In its place: the call and the number of the part, 4 bytes each. */
  #writePart(value: Uint8Array): void {
    if (this.#parts === undefined) {
      this.#parts = [];
      this.#partsBytes = 0;
    }
    this.#partsBytes += value.length;
    if (this.#partsBytes > this.#maxValueBytes) {
      throw valueTooLarge(this.#partsBytes, this.#maxValueBytes);
    }
    const number = this.#parts.push(value) - 1;
    this.#reserve(10);
    this.#writeByte(0xd7);
    this.#writeByte(kinds.part);
    this.#numbers.setUint32(this.#position, this.#callId as number);
    this.#numbers.setUint32(this.#position + 4, number);
    this.#position += 8;
  }

  #writeObject(value: object): void {
    if (Array.isArray(value)) {
      if (!isPlainArray(value)) {
        this.#writeSubclass(value);
        return;
      }
      this.#descend();
      this.#writeElements(value);
      this.#depth--;
    } else if (isPlainObject(value)) {
      this.#descend();
      this.#writeProperties(value as Readonly<Record<string, unknown>>);
      this.#depth--;
    } else if (types.isUint8Array(value)) {
      this.#writeBytes(value);
    } else if (types.isMap(value)) {
      this.#descend();
      this.#writeMap(value);
      this.#depth--;
    } else {
      this.#writeSpecial(value);
    }
  }

  #writeSubclass(value: readonly unknown[]): void {
    if (!isTuple(value)) throw this.#refuse(refusalOf(value));
    this.#writeForm({ kind: kinds.tuple, items: value });
  }

  #writeSpecial(value: object): void {
    const form = toWire(value);
    if ("fix" in form) throw this.#refuse(form);
    this.#writeForm(form);
  }

  #writeForm(form: WireForm): void {
    if ("float" in form) {
      this.#writeByte(0xcb);
      this.#numbers.setFloat64(this.#position, form.float);
      this.#position += 8;
    } else if ("items" in form) {
      const begin = this.#openExtension();
      this.#descend();
      this.#writeElements(form.items);
      this.#depth--;
      this.#closeExtension(begin, form.kind);
    } else if ("leaf" in form) {
      const header = headerFor(form.leaf);
      const begin = this.#openExtension(header);
      this.#writeLeaf(form.leaf);
      this.#closeExtension(begin, form.kind, header);
    } else {
      const begin = this.#openExtension();
      this.#writeArrayHeader(form.names.length + 1);
      for (const name of form.names) this.#writeValue(name);
      this.#descend();
      this.#path[this.#depth] = "value";
      this.#writeValue(form.value);
      this.#depth--;
      this.#closeExtension(begin, form.kind);
    }
  }

  /** Beside the path, because the reader of an error knows nothing of these arrays. */
  #writeLeaf(leaf: Leaf): void {
    if (!Array.isArray(leaf)) {
      this.#writeValue(leaf);
      return;
    }
    if (this.#position > this.#stepEnd) this.#reserve(0);
    this.#writeArrayHeader(leaf.length);
    for (const part of leaf) this.#writeLeaf(part);
  }

  #descend(): void {
    if (this.#depth === maxDepth) throw this.#refuse(refusals.tooDeep);
    this.#depth++;
  }

  #writeElements(value: readonly unknown[]): void {
    const { length } = value;
    // No value is shorter than a byte: a gigantic sparse array is refused before it is walked.
    if (length > slabRestBytes) this.#reserve(length);
    this.#writeArrayHeader(length);
    const depth = this.#depth;
    for (let index = 0; index < length; index++) {
      this.#path[depth] = index;
      this.#writeValue(value[index]);
    }
  }

  #writeProperties(value: Readonly<Record<string, unknown>>): void {
    const depth = this.#depth;
    const header = this.#openMap();
    let count = 0;
    for (const key in value) {
      if (!hasOwn.call(value, key)) continue;
      this.#path[depth] = key;
      const property = value[key];
      if (property === undefined) continue;
      if (++count === 16) this.#widenMap(header);
      if (this.#position > this.#stepEnd) this.#reserve(0);
      this.#writeText(key);
      this.#writeValue(property);
    }
    this.#closeMap(header, count);
  }

  #writeMap(value: ReadonlyMap<unknown, unknown>): void {
    const depth = this.#depth;
    const begin = this.#position - this.#start;
    const header = this.#openMap();
    let count = 0;
    for (const [key, entry] of value) {
      if (typeof key !== "string") {
        this.#position = this.#start + begin;
        this.#writePairs(value);
        return;
      }
      this.#path[depth] = key;
      if (entry === undefined) continue;
      if (++count === 16) this.#widenMap(header);
      if (this.#position > this.#stepEnd) this.#reserve(0);
      this.#writeText(key);
      this.#writeValue(entry);
    }
    this.#closeMap(header, count);
  }

  /** A map with other keys than text: `[key, value, key, value, …]`. */
  #writePairs(value: ReadonlyMap<unknown, unknown>): void {
    const depth = this.#depth;
    const begin = this.#openExtension();
    const pairs = [...value].filter(([, entry]) => entry !== undefined);
    if (this.#position > this.#stepEnd) this.#reserve(0);
    this.#writeArrayHeader(2 * pairs.length);
    for (const [index, [key, entry]] of pairs.entries()) {
      this.#path[depth] = index;
      this.#writeValue(key);
      this.#path[depth] = index;
      this.#writeValue(entry);
    }
    this.#closeExtension(begin, kinds.map);
  }

  // The header of an extension gives its length, which is known when it is written. Room is left for
  // the short header, or for the long one where there is much binary data to come.

  /** Where the content begins, counted from `#start`, because a batch may move to another slab. */
  #openExtension(header: ExtensionHeader = shortHeader): number {
    if (this.#position > this.#stepEnd) this.#reserve(0);
    this.#position += header;
    return this.#position - this.#start;
  }

  #closeExtension(content: number, kind: number, header: ExtensionHeader = shortHeader): void {
    const length = this.#position - this.#start - content;
    const isLong = header === longHeader || length > 0xff;
    if (isLong && header === shortHeader) {
      this.#reserve(longHeader - shortHeader);
      const begin = this.#start + content;
      this.#slab.copyWithin(begin + longHeader - shortHeader, begin, this.#position);
      this.#position += longHeader - shortHeader;
    }
    const end = this.#position;
    this.#position = this.#start + content - header;
    if (isLong) this.#writeHeader(0xc9, length, 4);
    else this.#writeHeader(0xc7, length, 1);
    this.#writeByte(kind);
    this.#position = end;
  }

  // How many entries a map has is known when they are written, since undefined ones are left out.
  // One byte in front is enough for 15 of them; the 16th makes it the longest form.

  /** Where the header is, counted from `#start`, because a batch may move to another slab. */
  #openMap(): number {
    return this.#position++ - this.#start;
  }

  #widenMap(header: number): void {
    this.#reserve(4);
    const begin = this.#start + header + 1;
    this.#slab.copyWithin(begin + 4, begin, this.#position);
    this.#position += 4;
  }

  #closeMap(header: number, count: number): void {
    const position = this.#start + header;
    if (count < 16) {
      this.#slab[position] = 0x80 | count;
    } else {
      this.#slab[position] = 0xdf;
      this.#slab.writeUInt32BE(count, position + 1);
    }
  }

  #writeArrayHeader(length: number): void {
    if (length < 16) this.#writeByte(0x90 | length);
    else if (length < 0x10000) this.#writeHeader(0xdc, length, 2);
    else this.#writeHeader(0xdd, length, 4);
  }

  #writeHeader(lead: number, length: number, bytes: 1 | 2 | 4): void {
    this.#slab[this.#position++] = lead;
    for (let shift = 8 * bytes - 8; shift >= 0; shift -= 8) {
      this.#slab[this.#position++] = length >>> shift;
    }
  }

  #writeByte(byte: number): void {
    this.#slab[this.#position++] = byte;
  }

  #refuse(refusal: Refusal): SnakepitError {
    return refused(this.#path.slice(0, this.#depth + 1), refusal);
  }
}

/** With much binary data to come, the long header at once: the data need not be moved then. */
function headerFor(leaf: Leaf): ExtensionHeader {
  const last: unknown = Array.isArray(leaf) ? leaf[leaf.length - 1] : leaf;
  return last instanceof Uint8Array && last.length > 0xff ? longHeader : shortHeader;
}

function textHeaderLength(bytes: number): 1 | 2 | 3 | 5 {
  return bytes < 32 ? 1 : bytes < 0x100 ? 2 : bytes < 0x10000 ? 3 : 5;
}

function arrayHeaderLength(length: number): 1 | 3 | 5 {
  return length < 16 ? 1 : length < 0x10000 ? 3 : 5;
}

function integerLength(value: number): 1 | 2 | 3 | 5 {
  return value < 0x80 ? 1 : value < 0x100 ? 2 : value < 0x10000 ? 3 : 5;
}
