import type { ExtensionCodecType } from "@msgpack/msgpack";
import { SnakepitError } from "../errors.ts";
import { tooLarge } from "../wire/refusal.ts";
import {
  type Carried,
  MAX_DOCUMENT_BYTES,
  type Message,
  type MessageCodec,
  type Payload,
} from "./framing.ts";
import { checkDocument } from "./message-pack-check.ts";
import { plainCopy } from "./message-pack-value.ts";

type Library = typeof import("@msgpack/msgpack");
type Encoder = InstanceType<Library["Encoder"]>;
type Decoder = InstanceType<Library["Decoder"]>;

/** An encoder's buffer never shrinks: one that has grown beyond this is let go. */
const KEPT_BUFFER_BYTES = 1024 * 1024;
/**
 * Stands for the key `__proto__`, which the library refuses, until the document has been read. No
 * document can hold half of a surrogate pair, so that no other key is mistaken for it.
 */
const protoKey = "\ud800__proto__";
const protoLength = "__proto__".length;

/** @throws SnakepitError UNSUPPORTED when the library is not installed */
export async function loadMessagePack(
  load: () => Promise<Library> = () => import("@msgpack/msgpack"),
): Promise<MessageCodec> {
  try {
    return new MessagePack(await load());
  } catch (cause) {
    throw new SnakepitError(
      "UNSUPPORTED",
      'codec "msgpack" needs the package @msgpack/msgpack, which could not be loaded; ' +
        'install it (npm install @msgpack/msgpack), or use codec: "json"',
      { cause, outcome: "not-started" },
    );
  }
}

/**
 * The library with its gaps closed: by itself it takes integers of 64 bits for floats or rounds
 * them, sends -0 as 0, a class instance as a map and half a surrogate pair as it is, and believes
 * any length that it reads. So values are checked before they reach it, and documents too.
 */
class MessagePack implements MessageCodec {
  readonly #library: Library;
  #encoder: Encoder;
  readonly #decoder: Decoder;

  constructor(library: Library) {
    this.#library = library;
    this.#encoder = this.#newEncoder(false);
    this.#decoder = new library.Decoder({
      useBigInt64: true,
      extensionCodec: noExtensions,
      keyDecoder: {
        canBeCached: (length) => length === protoLength,
        decode: (bytes, start, length) => {
          const key = Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString();
          return key === "__proto__" ? protoKey : key;
        },
      },
    });
  }

  encode(message: Message, carried?: Carried): Payload {
    const { value, hasNegativeZero } = plainCopy(message, carried);
    const encoder = hasNegativeZero ? this.#newEncoder(true) : this.#encoder;
    const document = encoder.encode(value);
    if (document.length > MAX_DOCUMENT_BYTES) throw tooLarge(document.length, MAX_DOCUMENT_BYTES);
    if (document.length > KEPT_BUFFER_BYTES) this.#encoder = this.#newEncoder(false);
    return document;
  }

  batch(messages: readonly Payload[]): Payload {
    const count = messages.length;
    const header = count < 16 ? [0x90 | count] : [0xdc, count >>> 8, count & 0xff];
    return Buffer.concat([Uint8Array.from(header), ...(messages as readonly Uint8Array[])]);
  }

  decode(document: Buffer): unknown {
    const bytes = new Uint8Array(document.buffer, document.byteOffset, document.byteLength);
    const { isPlain } = checkDocument(bytes);
    const value = this.#decoder.decode(bytes);
    return isPlain ? value : asData(value);
  }

  /** `floats`: every number as a float; integers then come as bigints. */
  #newEncoder(floats: boolean): Encoder {
    return new this.#library.Encoder({
      useBigInt64: true,
      forceIntegerToFloat: floats,
      maxDepth: Number.POSITIVE_INFINITY, // the values are checked
      extensionCodec: noExtensions,
    });
  }
}

const noExtensions: ExtensionCodecType<undefined> = {
  tryToEncode: () => null,
  decode(_data, type): never {
    throw new TypeError(`extension type ${type} is not part of the protocol`);
  },
};

/** Puts right what the library reads differently: safe integers, own bytes, the key `__proto__`. */
function asData(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return value.slice(); // the packet lies in a buffer of the pipe's
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) value[index] = asData(element);
    return value;
  }
  const data: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (key === protoKey) defineProto(data, asData(entry));
    else data[key] = asData(entry);
  }
  return data;
}

/** `data.__proto__ = …` would be the prototype. */
function defineProto(data: object, value: unknown): void {
  const asUsual = { configurable: true, enumerable: true, writable: true };
  Object.defineProperty(data, "__proto__", { value, ...asUsual });
}
