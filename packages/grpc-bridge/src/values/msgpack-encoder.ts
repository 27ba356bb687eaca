import { types } from "node:util";
import type { SnakepitError } from "snakepit";
import {
  type BatchEncoder,
  type BigRecord,
  type EncoderOptions,
  explain,
  isPlainArray,
  isPlainInstance,
  isPlainObject,
  maxDepth,
  noKeyYet,
  type PathKey,
  pathTo,
  type Refusal,
  reentered,
  refusalOf,
  refusals,
  refused,
} from "snakepit/wire";
import { BatchBuffer } from "./batch-buffer.ts";
import { kinds, type Leaf, type WireForm } from "./kinds.ts";
import {
  arrayHeaderLength,
  closeExtension,
  closeMap,
  openExtension,
  openMap,
  widenMap,
  writeArrayHeader,
  writeBinary,
  writeLongPair,
} from "./msgpack-headers.ts";
import {
  fitsInt64,
  integerLength,
  writeFloat,
  writeInt64,
  writeNumber,
} from "./msgpack-numbers.ts";
import { writeLongText, writeShortText } from "./msgpack-text.ts";
import { RecordBinaries } from "./record-binaries.ts";
import { integerForm, isTuple, toWire } from "./to-wire.ts";

/** Of an array so long, the length alone is looked at before its elements are. */
const longArray = 16 * 1024;
const hasOwn = Object.prototype.hasOwnProperty;

/**
 * Checks, sizes and encodes each record in one walk, straight into the frame that will be sent.
 * What it carries and what it refuses: `docs/protocol.md`, "Codecs".
 */
export class MessagePackEncoder extends BatchBuffer implements BatchEncoder {
  readonly #binaries: RecordBinaries;
  #records = 0;
  /** The keys that lead to the value at hand: `#depth + 1` of them, the rest is stale. */
  readonly #path: PathKey[] = [];
  #depth = 0;
  #busy = false;
  /** The call of the record at hand. */
  #callId: unknown;

  constructor(options: EncoderOptions) {
    super(options);
    this.#binaries = new RecordBinaries(options.maxValueBytes);
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
    const before = this.position - this.start;
    this.#depth = 0;
    this.#callId = record[1];
    try {
      this.#writeElements(record);
      this.checkDocument();
      if (this.#binaries.areAny) {
        const { parts } = this.#binaries;
        if (parts !== undefined) return { frame: this.takeOut(before), parts };
      }
      this.#records++;
    } catch (error) {
      this.position = this.start + before;
      throw explain(error, record, pathTo(this.#path, this.#depth));
    } finally {
      if (this.#binaries.areAny) this.#binaries.clear();
      this.#busy = false;
    }
  }

  finish(acked: number): Uint8Array {
    if (this.#busy) throw reentered();
    const end = this.position;
    const count = this.#records + 1;
    const begin = this.start - arrayHeaderLength(count) - integerLength(acked);
    this.position = begin;
    writeArrayHeader(this, count);
    writeNumber(this, acked);
    this.#records = 0;
    return this.cut(begin, end);
  }

  #writeValue(value: unknown): void {
    this.ensureStep();
    switch (typeof value) {
      case "number":
        writeNumber(this, value);
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

  #writeBigInt(value: bigint): void {
    if (fitsInt64(value)) writeInt64(this, value);
    else this.#writeForm(integerForm(value));
  }

  #writeText(text: string): void {
    if (writeShortText(this, text) || writeLongText(this, text)) return;
    throw this.#refuse(refusals.loneSurrogate);
  }

  /** The one place where binary data of any kind enters the document. */
  #writeBytes(value: Uint8Array): void {
    if (this.#binaries.leaves(value)) this.#writePart(value);
    else writeBinary(this, value);
  }

  /** In its place: the call and the number of the part, 4 bytes each. */
  #writePart(value: Uint8Array): void {
    const number = this.#binaries.add(value);
    this.ensureStep();
    writeLongPair(this, kinds.part, this.#callId as number, number);
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
    } else if (types.isMap(value) && isPlainInstance(value)) {
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
      writeFloat(this, form.float);
      return;
    }
    const isLong = "leaf" in form && endsInBinary(form.leaf);
    const content = openExtension(this, isLong);
    if ("items" in form) {
      this.#descend();
      this.#writeElements(form.items);
      this.#depth--;
    } else if ("leaf" in form) {
      this.#writeLeaf(form.leaf);
    } else {
      writeArrayHeader(this, form.names.length + 1);
      for (const name of form.names) this.#writeValue(name);
      this.#descend();
      this.#path[this.#depth] = "value";
      this.#writeValue(form.value);
      this.#depth--;
    }
    closeExtension(this, content, form.kind, isLong);
  }

  /** Beside the path, because the reader of an error knows nothing of these arrays. */
  #writeLeaf(leaf: Leaf): void {
    if (!Array.isArray(leaf)) {
      this.#writeValue(leaf);
      return;
    }
    this.ensureStep();
    writeArrayHeader(this, leaf.length);
    for (const part of leaf) this.#writeLeaf(part);
  }

  #descend(): void {
    if (this.#depth === maxDepth) throw this.#refuse(refusals.tooDeep);
    this.#depth++;
    this.#path[this.#depth] = noKeyYet;
  }

  #writeElements(value: readonly unknown[]): void {
    const { length } = value;
    // No value is shorter than a byte: a gigantic sparse array is refused before it is walked.
    if (length > longArray) this.reserve(length);
    writeArrayHeader(this, length);
    const depth = this.#depth;
    for (let index = 0; index < length; index++) {
      this.#path[depth] = index;
      this.#writeValue(value[index]);
    }
  }

  #writeProperties(value: Readonly<Record<string, unknown>>): void {
    const depth = this.#depth;
    const header = openMap(this);
    let count = 0;
    for (const key in value) {
      if (!hasOwn.call(value, key)) continue;
      this.#path[depth] = key;
      const property = value[key];
      if (property === undefined) continue;
      if (++count === 16) widenMap(this, header);
      this.ensureStep();
      this.#writeText(key);
      this.#writeValue(property);
    }
    closeMap(this, header, count);
  }

  #writeMap(value: ReadonlyMap<unknown, unknown>): void {
    const depth = this.#depth;
    const begin = this.position - this.start;
    const header = openMap(this);
    let count = 0;
    for (const [key, entry] of value) {
      if (typeof key !== "string") {
        this.position = this.start + begin;
        this.#writePairs(value);
        return;
      }
      this.#path[depth] = key;
      if (entry === undefined) continue;
      if (++count === 16) widenMap(this, header);
      this.ensureStep();
      this.#writeText(key);
      this.#writeValue(entry);
    }
    closeMap(this, header, count);
  }

  /** A map with other keys than text: `[key, value, key, value, …]`. */
  #writePairs(value: ReadonlyMap<unknown, unknown>): void {
    const depth = this.#depth;
    const content = openExtension(this, false);
    const pairs = [...value].filter(([, entry]) => entry !== undefined);
    this.ensureStep();
    writeArrayHeader(this, 2 * pairs.length);
    for (const [index, [key, entry]] of pairs.entries()) {
      this.#path[depth] = index;
      this.#writeValue(key);
      this.#path[depth] = index;
      this.#writeValue(entry);
    }
    closeExtension(this, content, kinds.map, false);
  }

  #writeByte(byte: number): void {
    this.slab[this.position++] = byte;
  }

  #refuse(refusal: Refusal): SnakepitError {
    return refused(pathTo(this.#path, this.#depth), refusal);
  }
}

/** With much binary data to come, the long header at once: the data need not be moved then. */
function endsInBinary(leaf: Leaf): boolean {
  const last: unknown = Array.isArray(leaf) ? leaf[leaf.length - 1] : leaf;
  return last instanceof Uint8Array && last.length > 0xff;
}
