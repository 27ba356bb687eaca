import { isUtf8 } from "node:buffer";
import { maxDepth } from "../wire/refusal.ts";

/** Containers that a message adds around a value: itself, and the array of its batch. */
const ENVELOPE_DEPTH = 2;

/**
 * Walks over a MessagePack document without building anything, because the library would take
 * memory for any length that it reads, nests without end, and replaces what is no UTF-8. After
 * this it meets exactly one document of nil, booleans, numbers, text, bytes, arrays, and maps with
 * text for keys.
 * @throws TypeError with what is wrong and where
 */
export function checkDocument(bytes: Uint8Array): {
  /** Nothing in it is read differently from how it is meant; see `asData`. */
  readonly isPlain: boolean;
} {
  const check = new DocumentCheck(bytes);
  check.value(1);
  check.atEnd();
  return check;
}

class DocumentCheck {
  isPlain = true;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  atEnd(): void {
    if (this.#position !== this.#bytes.length) throw this.#malformed("bytes follow the document");
  }

  /** `depth` is that of a container, should the value be one. */
  value(depth: number): void {
    const lead = this.#uint(1);
    if (lead < 0x80 || lead >= 0xe0) return;
    if (lead < 0x90) return this.#map(lead & 0x0f, depth);
    if (lead < 0xa0) return this.#array(lead & 0x0f, depth);
    if (lead < 0xc0) return this.#text(lead & 0x1f);
    switch (lead) {
      case 0xc0: // nil
      case 0xc2: // false
      case 0xc3: // true
        return;
      case 0xc4: // bytes
      case 0xc5:
      case 0xc6:
        this.isPlain = false;
        return this.#skip(this.#uint(sizeOf(lead - 0xc4)));
      case 0xca: // float 32
        return this.#skip(4);
      case 0xcb: // float 64
        return this.#skip(8);
      case 0xcc: // unsigned
      case 0xcd:
      case 0xce:
        return this.#skip(sizeOf(lead - 0xcc));
      case 0xd0: // signed
      case 0xd1:
      case 0xd2:
        return this.#skip(sizeOf(lead - 0xd0));
      case 0xcf: // 64 bits
      case 0xd3:
        this.isPlain = false;
        return this.#skip(8);
      case 0xd9: // text
      case 0xda:
      case 0xdb:
        return this.#text(this.#uint(sizeOf(lead - 0xd9)));
      case 0xdc: // array
      case 0xdd:
        return this.#array(this.#uint(sizeOf(lead - 0xdb)), depth);
      case 0xde: // map
      case 0xdf:
        return this.#map(this.#uint(sizeOf(lead - 0xdd)), depth);
      default:
        throw this.#malformed(`type 0x${lead.toString(16)} is not part of the protocol`);
    }
  }

  #array(length: number, depth: number): void {
    this.#open(length, depth);
    for (let index = 0; index < length; index++) this.value(depth + 1);
  }

  #map(length: number, depth: number): void {
    this.#open(2 * length, depth);
    for (let index = 0; index < length; index++) {
      this.#key();
      this.value(depth + 1);
    }
  }

  /** A container of `values`, each of which takes a byte at least. */
  #open(values: number, depth: number): void {
    if (values > this.#bytes.length - this.#position) throw this.#malformed("it ends too early");
    if (depth > maxDepth + ENVELOPE_DEPTH)
      throw this.#malformed(`it nests deeper than ${maxDepth}`);
  }

  #key(): void {
    const lead = this.#uint(1);
    if (lead >= 0xa0 && lead < 0xc0) {
      if (lead === proto[0] && this.#isProto()) this.isPlain = false;
      this.#text(lead & 0x1f);
    } else if (lead >= 0xd9 && lead <= 0xdb) {
      this.isPlain = false; // the key may be `__proto__` in a longer form than it needs
      this.#text(this.#uint(sizeOf(lead - 0xd9)));
    } else throw this.#malformed("the keys of a map are strings");
  }

  #isProto(): boolean {
    return proto.every((byte, index) => this.#bytes[this.#position - 1 + index] === byte);
  }

  #text(length: number): void {
    const start = this.#position;
    this.#skip(length);
    if (!isUtf8(this.#bytes.subarray(start, start + length))) {
      throw this.#malformed("a string is not UTF-8");
    }
  }

  #skip(bytes: number): void {
    if (bytes > this.#bytes.length - this.#position) throw this.#malformed("it ends too early");
    this.#position += bytes;
  }

  #uint(size: number): number {
    const start = this.#position;
    this.#skip(size);
    if (size === 1) return this.#view.getUint8(start);
    return size === 2 ? this.#view.getUint16(start) : this.#view.getUint32(start);
  }

  #malformed(what: string): TypeError {
    return new TypeError(`${what} (byte ${this.#position} of ${this.#bytes.length})`);
  }
}

/** The key `__proto__` as it is mostly written: a header of one byte, then its letters. */
const proto = [0xa9, ...Buffer.from("__proto__")];

/** Types come in threes, for lengths of 1, 2 and 4 bytes. */
function sizeOf(step: number): number {
  return 2 ** step;
}
