import {
  type FrameListener,
  type FrameReader,
  type Framing,
  isMessage,
  MAX_DOCUMENT_BYTES,
} from "./framing.ts";
import { jsonMessages } from "./json-messages.ts";

/** One JSON document per line. What is none was printed by mistake, and is not even kept. */
export const jsonLines: Framing = {
  codec: jsonMessages,
  frame: (documents) => `${documents.join("\n")}\n`,
  reader: (listener) => new LineReader(listener, MAX_DOCUMENT_BYTES),
};

const newline = 0x0a;
const space = 0x20;
const tab = 0x09;
const carriageReturn = 0x0d;
const openBrace = 0x7b;
const openBracket = 0x5b;
/** What is kept of a line that cannot be a message: enough to recognise it in a log. */
const NOISE_BYTES = 1024;

/** Cuts bytes into lines. A line of many pieces is put together once, at its end. */
export class LineReader implements FrameReader {
  readonly #listener: FrameListener;
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** Of the line at hand: it may still become a message. */
  #hopeful = true;

  constructor(listener: FrameListener, maxBytes: number) {
    this.#listener = listener;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): string | undefined {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(newline, start);
      let piece = chunk.subarray(start, end < 0 ? undefined : end);
      if (this.#pieces.length === 0) {
        piece = withoutLeadingSpace(piece);
        this.#hopeful = piece[0] === openBrace || piece[0] === openBracket;
      }
      if (end < 0) return this.#keep(piece);
      const fault = this.#line(piece);
      if (fault !== undefined) return fault;
      start = end + 1;
    }
  }

  /** The line goes on in the next chunk. */
  #keep(piece: Buffer): string | undefined {
    if (piece.length === 0) return undefined;
    if (this.#hopeful) {
      this.#bytes += piece.length;
      if (this.#bytes > this.#maxBytes) return tooLong(this.#maxBytes);
      this.#pieces.push(piece);
    } else if (this.#bytes < NOISE_BYTES) {
      // A copy, so that the rest of the chunk can go. A stray print may be of any size.
      const kept = Buffer.from(piece.subarray(0, NOISE_BYTES - this.#bytes));
      this.#bytes += kept.length;
      this.#pieces.push(kept);
    }
    return undefined;
  }

  #line(piece: Buffer): string | undefined {
    const bytes = this.#bytes + piece.length;
    if (this.#hopeful && bytes > this.#maxBytes) return tooLong(this.#maxBytes);
    const line = this.#pieces.length === 0 ? piece : Buffer.concat([...this.#pieces, piece]);
    this.#pieces = [];
    this.#bytes = 0;
    if (this.#hopeful) this.#document(line);
    else this.#noise(line);
    return undefined;
  }

  #document(line: Buffer): void {
    let document: unknown;
    try {
      document = jsonMessages.decode(line);
    } catch {
      return this.#noise(line); // printed by mistake, and only looks like JSON
    }
    if (!Array.isArray(document)) return this.#message(document, line);
    if (document.length === 0) return this.#noise(line);
    const bytes = Math.ceil(line.length / document.length);
    for (const element of document) this.#message(element, line, bytes);
  }

  #message(value: unknown, line: Buffer, bytes = line.length): void {
    if (isMessage(value)) this.#listener.message(value, bytes);
    else this.#noise(line);
  }

  #noise(line: Buffer): void {
    const text = line.toString("utf8", 0, NOISE_BYTES).trim();
    if (text !== "") this.#listener.noise(text);
  }
}

function withoutLeadingSpace(piece: Buffer): Buffer {
  let start = 0;
  while (piece[start] === space || piece[start] === tab || piece[start] === carriageReturn) start++;
  return start === 0 ? piece : piece.subarray(start);
}

function tooLong(limitBytes: number): string {
  return `wrote a line of more than ${limitBytes} bytes`;
}
