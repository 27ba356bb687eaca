import { isUtf8 } from "node:buffer";
import { SnakepitError } from "snakepit";
import { maxDepth, type PartSource } from "snakepit/wire";
import { PyFrozenSet, PyTuple } from "./collections.ts";
import { leafFromWire } from "./from-wire.ts";
import { kinds } from "./kinds.ts";
import { withTypeName } from "./objects.ts";
import { PyEnum } from "./scalars.ts";

/** Keys longer than this are rare, and not worth comparing byte by byte. */
const longestCachedKey = 24;
const cachedKeys = 1024;
/** Up to this many bytes a text is put together here: the call into Node costs about 100 ns. */
const shortText = 16;
/** Longer arrays grow as their elements arrive, so that nested false lengths cost no memory. */
const largestPresized = 256;

/** The same few keys come with every reply; finding one again is cheaper than making it again. */
export type KeyCache = (string | undefined)[];

/**
 * Reads one batch. Strict, because it reads what another process wrote: whatever is not exactly one
 * document of the kind that `docs/protocol.md` describes ends in `PROTOCOL`. A length is believed
 * only as far as bytes are left, so a wrong one costs nothing.
 */
export class MessagePackDecoder {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #keys: KeyCache;
  readonly #parts: PartSource | undefined;
  #position = 0;
  #view: DataView | undefined;
  #inLeaf = false;

  /** `parts` has the binaries that came ahead of the document. */
  constructor(document: Uint8Array, keys: KeyCache, parts?: PartSource) {
    this.#parts = parts;
    this.#bytes = Buffer.isBuffer(document)
      ? document
      : Buffer.from(document.buffer, document.byteOffset, document.byteLength);
    this.#end = document.length;
    this.#keys = keys;
  }

  /** `[acked, record, record, …]` */
  batch(): unknown[] {
    const count = this.#arrayLength("batch");
    const acked = count === 0 ? undefined : this.#value(1);
    if (!Number.isSafeInteger(acked) || (acked as number) < 0) {
      throw this.#malformed("a batch starts with the number of acknowledged batches");
    }
    const batch: unknown[] = [acked];
    for (let index = 1; index < count; index++) {
      const elements = this.#arrayLength("record");
      batch.push(this.#array(elements, 0));
    }
    if (this.#position !== this.#end) throw this.#malformed("bytes follow the batch");
    return batch;
  }

  #arrayLength(what: "batch" | "record" | "sequence" | "extension"): number {
    const lead = this.#byte();
    if ((lead & 0xf0) === 0x90) return lead & 0x0f;
    if (lead === 0xdc) return this.#uint16();
    if (lead === 0xdd) return this.#uint32();
    throw this.#malformed(`a ${what} is an array`);
  }

  /** `depth` is that of a container, should the value be one. */
  #value(depth: number): unknown {
    const lead = this.#byte();
    if (lead < 0x80) return lead;
    if (lead < 0x90) return this.#map(lead & 0x0f, depth);
    if (lead < 0xa0) return this.#array(lead & 0x0f, depth);
    if (lead < 0xc0) return this.#text(lead & 0x1f);
    if (lead >= 0xe0) return lead - 0x100;
    switch (lead) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#binary(this.#byte());
      case 0xc5:
        return this.#binary(this.#uint16());
      case 0xc6:
        return this.#binary(this.#uint32());
      case 0xca:
        return this.#numbers().getFloat32(this.#take(4));
      case 0xcb:
        return this.#numbers().getFloat64(this.#take(8));
      case 0xcc:
        return this.#byte();
      case 0xcd:
        return this.#uint16();
      case 0xce:
        return this.#uint32();
      case 0xcf:
        return this.#integer64(this.#uint32());
      case 0xd0:
        return (this.#byte() << 24) >> 24;
      case 0xd1:
        return (this.#uint16() << 16) >> 16;
      case 0xd2:
        return this.#uint32() | 0;
      case 0xd3:
        return this.#integer64(this.#uint32() | 0);
      case 0xd9:
        return this.#text(this.#byte());
      case 0xda:
        return this.#text(this.#uint16());
      case 0xdb:
        return this.#text(this.#uint32());
      case 0xdc:
        return this.#array(this.#uint16(), depth);
      case 0xdd:
        return this.#array(this.#uint32(), depth);
      case 0xde:
        return this.#map(this.#uint16(), depth);
      case 0xdf:
        return this.#map(this.#uint32(), depth);
      case 0xc7:
        return this.#extension(this.#byte(), depth);
      case 0xc8:
        return this.#extension(this.#uint16(), depth);
      case 0xc9:
        return this.#extension(this.#uint32(), depth);
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(1 << (lead - 0xd4), depth);
      default:
        throw this.#malformed(`type 0x${lead.toString(16)} is not part of the protocol`);
    }
  }

  #integer64(high: number): number | bigint {
    const low = this.#uint32();
    const value = high * 2 ** 32 + low;
    // Beyond 2^53 the sum is rounded, but never back into the safe range.
    return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low);
  }

  #array(length: number, depth: number): unknown[] {
    this.#open(length, depth);
    const inner = depth + 1;
    if (length > largestPresized) {
      const array: unknown[] = [];
      for (let index = 0; index < length; index++) array.push(this.#value(inner));
      return array;
    }
    const array = new Array<unknown>(length);
    for (let index = 0; index < length; index++) array[index] = this.#value(inner);
    return array;
  }

  /** Without a prototype, so that `__proto__` is a key like any other. */
  #map(length: number, depth: number): Record<string, unknown> {
    this.#open(2 * length, depth);
    const map: Record<string, unknown> = Object.create(null);
    for (let index = 0; index < length; index++) {
      const key = this.#key();
      map[key] = this.#value(depth + 1);
    }
    return map;
  }

  /** A container of `values`, each of which takes a byte at least. */
  #open(values: number, depth: number): void {
    if (values > this.#end - this.#position) throw this.#malformed("it ends too early");
    if (depth > maxDepth) throw this.#malformed(`it nests deeper than ${maxDepth}`);
  }

  #key(): string {
    const lead = this.#byte();
    const length =
      lead >= 0xa0 && lead < 0xc0
        ? lead & 0x1f
        : lead === 0xd9
          ? this.#byte()
          : lead === 0xda
            ? this.#uint16()
            : lead === 0xdb
              ? this.#uint32()
              : undefined;
    if (length === undefined) throw this.#malformed("the keys of a map are strings");
    if (length > longestCachedKey || length > this.#end - this.#position) return this.#text(length);
    const bytes = this.#bytes;
    const begin = this.#position;
    let hash = length;
    for (let index = 0; index < length; index++) {
      hash = (hash * 31 + (bytes[begin + index] as number)) | 0;
    }
    const slot = hash & (cachedKeys - 1);
    const cached = this.#keys[slot];
    if (cached?.length === length && this.#matches(cached)) {
      this.#position += length;
      return cached;
    }
    const key = this.#text(length);
    this.#keys[slot] = key;
    return key;
  }

  /** Only ASCII can match: unit by unit, a byte each. */
  #matches(text: string): boolean {
    const begin = this.#position;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit !== this.#bytes[begin + index] || unit > 0x7f) return false;
    }
    return true;
  }

  #text(length: number): string {
    const begin = this.#take(length);
    if (length <= shortText) {
      const text = this.#ascii(begin, begin + length);
      if (text !== undefined) return text;
    }
    const text = this.#bytes.toString("utf8", begin, begin + length);
    // Node replaces what is not UTF-8; only a text that holds the replacement can be a forgery.
    if (text.includes("\ufffd") && !isUtf8(this.#bytes.subarray(begin, begin + length))) {
      throw this.#malformed("a string is not UTF-8");
    }
    return text;
  }

  #ascii(begin: number, end: number): string | undefined {
    const bytes = this.#bytes;
    let text = "";
    let position = begin;
    for (; position + 4 <= end; position += 4) {
      const a = bytes[position] as number;
      const b = bytes[position + 1] as number;
      const c = bytes[position + 2] as number;
      const d = bytes[position + 3] as number;
      if ((a | b | c | d) > 0x7f) return undefined;
      text += String.fromCharCode(a, b, c, d);
    }
    for (; position < end; position++) {
      const unit = bytes[position] as number;
      if (unit > 0x7f) return undefined;
      text += String.fromCharCode(unit);
    }
    return text;
  }

  /** One of `kinds`: its content is one value, in the bytes that the header says. */
  #extension(length: number, depth: number): unknown {
    const kind = this.#byte();
    if (length > this.#end - this.#position) throw this.#malformed("it ends too early");
    const end = this.#position + length;
    if (kind === kinds.part && length === 8) return this.#part();
    if (this.#inLeaf) throw this.#malformed(`extension ${kind} stands inside of another one`);
    const value = this.#kind(kind, depth);
    if (this.#position !== end) throw this.#malformed(`extension ${kind} has another length`);
    return value;
  }

  #kind(kind: number, depth: number): unknown {
    switch (kind) {
      case kinds.tuple:
        return PyTuple.from(this.#items(depth));
      case kinds.set:
        return new Set(this.#items(depth));
      case kinds.frozenSet:
        return new PyFrozenSet(this.#items(depth));
      case kinds.map:
        return this.#pairs(depth);
      case kinds.object: {
        const typeName = this.#named(2, kind);
        return withTypeName(this.#fields(depth), typeName);
      }
      case kinds.enum: {
        const typeName = this.#named(3, kind);
        const name = this.#value(depth) as string;
        this.#open(0, depth);
        return this.#checked(kind, () => new PyEnum(typeName, name, this.#value(depth + 1)));
      }
      default:
        return this.#leaf(kind);
    }
  }

  #items(depth: number): unknown[] {
    return this.#array(this.#arrayLength("sequence"), depth);
  }

  #pairs(depth: number): Map<unknown, unknown> {
    const items = this.#items(depth);
    if (items.length % 2 !== 0) throw this.#malformed("a map has a key without a value");
    const map = new Map<unknown, unknown>();
    for (let index = 0; index < items.length; index += 2) map.set(items[index], items[index + 1]);
    return map;
  }

  /** The name of a class, which is the first of so many values. */
  #named(count: number, kind: number): string {
    const name = this.#arrayLength("extension") === count ? this.#value(maxDepth + 1) : undefined;
    if (typeof name !== "string") throw this.#malformed(`extension ${kind} has no name`);
    return name;
  }

  #fields(depth: number): Record<string, unknown> {
    const lead = this.#byte();
    if (lead >= 0x80 && lead < 0x90) return this.#map(lead & 0x0f, depth);
    if (lead === 0xde) return this.#map(this.#uint16(), depth);
    if (lead === 0xdf) return this.#map(this.#uint32(), depth);
    throw this.#malformed("the fields of an object are a map");
  }

  /** Arrays in its content are none of the caller's, so the depth starts again; hence the flag. */
  #leaf(kind: number): unknown {
    this.#inLeaf = true;
    const content = this.#value(maxDepth - 1);
    this.#inLeaf = false;
    return this.#checked(kind, () => leafFromWire(kind, content));
  }

  #checked(kind: number, make: () => unknown): unknown {
    try {
      const value = make();
      if (value !== undefined) return value;
    } catch (error) {
      if (SnakepitError.is(error, "PROTOCOL")) throw error;
      // What one of our classes says about what it was given; the reader of the log needs the kind.
    }
    throw this.#malformed(`extension ${kind} is not what its kind consists of`);
  }

  /**
   * The one place where binary data of any kind comes out of the document. A copy: the document lies
   * in a buffer of the socket's.
   */
  #binary(length: number): Uint8Array {
    const begin = this.#take(length);
    return new Uint8Array(this.#bytes.subarray(begin, begin + length));
  }

  /** Not a copy: a part comes into memory of its own. */
  #part(): Uint8Array {
    const callId = this.#uint32();
    const number = this.#uint32();
    if (this.#parts === undefined) throw this.#malformed("it names a part, and none has come");
    return this.#parts.take(callId, number);
  }

  /** Made for the first float: it costs as much as ten of them. */
  #numbers(): DataView {
    if (this.#view === undefined) {
      const { buffer, byteOffset } = this.#bytes;
      this.#view = new DataView(buffer, byteOffset, this.#end);
    }
    return this.#view;
  }

  #byte(): number {
    if (this.#position >= this.#end) throw this.#malformed("it ends too early");
    return this.#bytes[this.#position++] as number;
  }

  #uint16(): number {
    const begin = this.#take(2);
    const bytes = this.#bytes;
    return ((bytes[begin] as number) << 8) | (bytes[begin + 1] as number);
  }

  #uint32(): number {
    const begin = this.#take(4);
    const bytes = this.#bytes;
    const high = ((bytes[begin] as number) << 8) | (bytes[begin + 1] as number);
    const low = ((bytes[begin + 2] as number) << 8) | (bytes[begin + 3] as number);
    return ((high << 16) | low) >>> 0;
  }

  /** Where the next `length` bytes begin, which are there. */
  #take(length: number): number {
    const begin = this.#position;
    if (length > this.#end - begin) throw this.#malformed("it ends too early");
    this.#position = begin + length;
    return begin;
  }

  #malformed(what: string): SnakepitError {
    return new SnakepitError(
      "PROTOCOL",
      `the worker sent a malformed document: ${what} (byte ${this.#position} of ${this.#end})`,
      { outcome: "unknown" },
    );
  }
}
