import {
  type FrameListener,
  type FrameReader,
  type Framing,
  isMessage,
  MAX_DOCUMENT_BYTES,
  type MessageCodec,
  type Payload,
} from "./framing.ts";

const HEADER_BYTES = 4;

/** Four bytes of length, big endian, then a document of so many bytes. */
export function packets(codec: MessageCodec): Framing {
  return {
    codec,
    frame: (documents) => Buffer.concat(documents.map(packet)),
    reader: (listener) => new PacketReader(codec, listener, MAX_DOCUMENT_BYTES),
  };
}

function packet(document: Payload): Buffer {
  const bytes = typeof document === "string" ? Buffer.byteLength(document) : document.length;
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + bytes);
  buffer.writeUInt32BE(bytes);
  if (typeof document === "string") buffer.write(document, HEADER_BYTES);
  else buffer.set(document, HEADER_BYTES);
  return buffer;
}

/**
 * Cuts bytes into packets. Unlike a line, a packet that is no message means that the rhythm is
 * lost: whatever follows would be read at the wrong place.
 */
export class PacketReader implements FrameReader {
  readonly #codec: MessageCodec;
  readonly #listener: FrameListener;
  readonly #maxBytes: number;
  /** A header or document of which only a part has come, and how much of it. */
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #document: Buffer | undefined;
  #filled = 0;

  constructor(codec: MessageCodec, listener: FrameListener, maxBytes: number) {
    this.#codec = codec;
    this.#listener = listener;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): string | undefined {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#document === undefined) {
        rest = this.#fill(this.#header, rest);
        if (this.#filled < HEADER_BYTES) return undefined;
        const length = this.#header.readUInt32BE(0);
        if (length > this.#maxBytes) return tooLong(length, this.#maxBytes, this.#header);
        if (length === 0) return "wrote a packet of 0 bytes";
        this.#filled = 0;
        if (rest.length < length) this.#document = Buffer.allocUnsafe(length);
        else {
          // The common case: all of it is here, and is read where it lies.
          const fault = this.#read(rest.subarray(0, length));
          if (fault !== undefined) return fault;
          rest = rest.subarray(length);
        }
      } else {
        const document: Buffer = this.#document;
        rest = this.#fill(document, rest);
        if (this.#filled < document.length) return undefined;
        this.#document = undefined;
        this.#filled = 0;
        const fault = this.#read(document);
        if (fault !== undefined) return fault;
      }
    }
    return undefined;
  }

  /** Copies what `target` lacks, and returns what is left of `source`. */
  #fill(target: Buffer, source: Buffer): Buffer {
    const count = source.copy(target, this.#filled);
    this.#filled += count;
    return source.subarray(count);
  }

  #read(bytes: Buffer): string | undefined {
    let document: unknown;
    try {
      document = this.#codec.decode(bytes);
    } catch (error) {
      return `wrote a packet that cannot be read: ${error instanceof Error ? error.message : error}`;
    }
    const messages = Array.isArray(document) ? document : [document];
    if (messages.length === 0 || !messages.every(isMessage))
      return "wrote a packet that is no message";
    const size = Math.ceil(bytes.length / messages.length);
    for (const message of messages) this.#listener.message(message, size);
    return undefined;
  }
}

function tooLong(length: number, limitBytes: number, header: Buffer): string {
  const size = `wrote a packet of ${length} bytes, and ${limitBytes} are allowed`;
  // Four letters where a length should be: the usual mistake, so it is named.
  const text = header.toString("latin1");
  if (!/^[\x20-\x7e\r\n\t]{4}$/.test(text)) return size;
  return `${size}; it looks like printed text: ${JSON.stringify(text)}`;
}
