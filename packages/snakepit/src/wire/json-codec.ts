import { types } from "node:util";
import { SnakepitError } from "../errors.ts";
import type { BatchEncoder, Codec, EncoderOptions } from "./codec.ts";
import {
  explain,
  isPlainArray,
  isPlainInstance,
  isPlainObject,
  isWellFormed,
  maxDepth,
  noKeyYet,
  type PathKey,
  pathTo,
  type Refusal,
  reentered,
  refusalOf,
  refusals,
  refused,
  tooLarge,
} from "./refusal.ts";

/** `[`, the acknowledgement and `]`, at their longest. */
const frameBytes = 12;

/**
 * For workers in a language without a MessagePack library. What it carries: `docs/protocol.md`,
 * "Codecs". Integers beyond 2^53 - 1 that a worker writes all the same are rounded by `JSON.parse`;
 * no parser of Node 20 can tell, so refusing them is up to the worker.
 */
export const jsonCodec: Codec = {
  name: "json",
  encoder: (options) => new JsonEncoder(options),
  decode: decodeBatch,
};

class JsonEncoder implements BatchEncoder {
  readonly #headroom: number;
  readonly #maxBytes: number;
  #texts: string[] = [];
  #bytes = frameBytes;
  /** Characters of the record so far: bytes at the least. */
  #length = 0;
  readonly #path: PathKey[] = [];
  #depth = 0;
  #busy = false;

  constructor({ headroom, maxBytes }: EncoderOptions) {
    this.#headroom = headroom;
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get records(): number {
    return this.#texts.length;
  }

  /**
   * @throws SnakepitError VALUE_TOO_LARGE when the document, earlier records included, would pass
   * `maxBytes`: with `records` above 0, finish the batch and add the record to the next one.
   */
  add(record: readonly unknown[]): undefined {
    if (this.#busy) throw reentered();
    this.#busy = true;
    this.#depth = 0;
    this.#length = 0;
    try {
      const text = this.#elements(record);
      const bytes = this.#bytes + Buffer.byteLength(text) + 1;
      if (bytes > this.#maxBytes) throw tooLarge(bytes, this.#maxBytes);
      this.#texts.push(text);
      this.#bytes = bytes;
    } catch (error) {
      throw explain(error, record, pathTo(this.#path, this.#depth));
    } finally {
      this.#busy = false;
    }
  }

  finish(acked: number): Uint8Array {
    const document = `[${[acked, ...this.#texts].join(",")}]`;
    const frame = Buffer.allocUnsafe(this.#headroom + Buffer.byteLength(document));
    frame.write(document, this.#headroom);
    this.#texts = [];
    this.#bytes = frameBytes;
    return frame;
  }

  #value(value: unknown): string {
    switch (typeof value) {
      case "number":
        return this.#written(this.#number(value));
      case "string":
        return this.#text(value);
      case "boolean":
        return this.#written(value ? "true" : "false");
      case "undefined":
        return this.#written("null");
      case "object":
        return value === null ? this.#written("null") : this.#object(value);
      case "bigint":
        // Small ones too: whether a call works shall not depend on how large an id has become.
        throw this.#refuse({ type: "bigint in JSON", fix: "send it as a string" });
      default:
        throw this.#refuse(refusalOf(value));
    }
  }

  /** A float keeps its point, because for the reader `1e20` and `100000000000000000000` differ. */
  #number(value: number): string {
    if (Object.is(value, -0)) return "-0.0";
    if (Number.isSafeInteger(value)) return String(value);
    if (!Number.isFinite(value)) {
      throw this.#refuse({ type: `${value} in JSON`, fix: "send null in its place" });
    }
    const digits = String(value);
    return /[.e]/.test(digits) ? digits : `${digits}.0`;
  }

  #text(text: string): string {
    if (!isWellFormed(text)) throw this.#refuse(refusals.loneSurrogate);
    this.#check(text.length);
    return this.#written(JSON.stringify(text));
  }

  #object(value: object): string {
    if (Array.isArray(value)) {
      if (!isPlainArray(value)) throw this.#refuse(refusalOf(value));
      return this.#inside(() => this.#elements(value));
    }
    if (isPlainObject(value)) {
      const properties = value as Readonly<Record<string, unknown>>;
      return this.#inside(() => this.#entries(Object.keys(value), (key) => properties[key]));
    }
    if (types.isMap(value) && isPlainInstance(value)) {
      const keys = [...value.keys()];
      if (!keys.every((key) => typeof key === "string")) throw this.#refuse(refusalOf(value));
      return this.#inside(() => this.#entries(keys, (key) => value.get(key)));
    }
    if (types.isUint8Array(value)) {
      const fix = 'send text: Buffer.from(bytes).toString("base64")';
      throw this.#refuse({ type: "Uint8Array in JSON", fix });
    }
    throw this.#refuse(inJson(value));
  }

  #inside(write: () => string): string {
    if (this.#depth === maxDepth) throw this.#refuse(refusals.tooDeep);
    this.#depth++;
    this.#path[this.#depth] = noKeyYet;
    const text = write();
    this.#depth--;
    return text;
  }

  #elements(values: readonly unknown[]): string {
    this.#check(values.length); // no value is shorter than that, also in a gigantic sparse array
    const depth = this.#depth;
    const texts: string[] = [];
    for (let index = 0; index < values.length; index++) {
      this.#path[depth] = index;
      texts.push(this.#value(values[index]));
    }
    return this.#written(`[${texts.join(",")}]`, texts.length + 1);
  }

  #entries(keys: readonly string[], read: (key: string) => unknown): string {
    const depth = this.#depth;
    const texts: string[] = [];
    for (const key of keys) {
      this.#path[depth] = key;
      const value = read(key);
      if (value !== undefined) texts.push(`${this.#text(key)}:${this.#value(value)}`);
    }
    return this.#written(`{${texts.join(",")}}`, 2 * texts.length + 1);
  }

  /** Counts `text`, or of a container only what is its own: brackets, commas and colons. */
  #written(text: string, length = text.length): string {
    this.#length += length;
    this.#check(0);
    return text;
  }

  #check(more: number): void {
    const bytes = this.#bytes + this.#length + more;
    if (bytes > this.#maxBytes) throw tooLarge(bytes, this.#maxBytes);
  }

  #refuse(refusal: Refusal): SnakepitError {
    return refused(pathTo(this.#path, this.#depth), refusal);
  }
}

/** A class that says what it is in JSON, as a codec with more words may carry it. */
function inJson(value: object): Refusal {
  const { type, fix } = refusalOf(value);
  const has = !types.isDate(value) && "toJSON" in value && typeof value.toJSON === "function";
  return has ? { type: `${type} in JSON`, fix: "send value.toJSON()" } : { type, fix };
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeBatch(document: Uint8Array): unknown[] {
  let batch: unknown;
  try {
    batch = JSON.parse(utf8.decode(document));
  } catch (error) {
    throw malformed("it is not JSON in UTF-8", error);
  }
  if (!Array.isArray(batch)) throw malformed("a batch is an array");
  const acked: unknown = batch[0];
  if (!Number.isSafeInteger(acked) || (acked as number) < 0) {
    throw malformed("a batch starts with the number of acknowledged batches");
  }
  for (let index = 1; index < batch.length; index++) {
    const record: unknown = batch[index];
    if (!Array.isArray(record)) throw malformed("a record is an array");
    for (const value of record) take(value, 1);
  }
  return batch;
}

/** Checks what `JSON.parse` lets pass and takes the prototypes off; `depth` is that of a container. */
function take(value: unknown, depth: number): void {
  if (typeof value === "string") {
    if (!isWellFormed(value)) throw malformed("a string holds half of a surrogate pair");
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) throw malformed("a number is too large for a float");
  } else if (typeof value === "object" && value !== null) {
    if (depth > maxDepth) throw malformed(`it nests deeper than ${maxDepth}`);
    if (Array.isArray(value)) {
      for (const element of value) take(element, depth + 1);
    } else {
      Object.setPrototypeOf(value, null); // `__proto__` is an own key already: JSON.parse sees to it
      for (const [key, entry] of Object.entries(value)) {
        take(key, depth);
        take(entry, depth + 1);
      }
    }
  }
}

function malformed(what: string, cause?: unknown): SnakepitError {
  return new SnakepitError("PROTOCOL", `the worker sent a malformed document: ${what}`, {
    outcome: "unknown",
    ...(cause === undefined ? {} : { cause }),
  });
}
