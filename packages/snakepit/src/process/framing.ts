/**
 * How messages become bytes on a worker's pipes. Two halves that may be combined: a codec turns a
 * message into a document, a framing says where one document ends and the next begins.
 */

/** What both sides say to each other; README.md beside this file has all of them. */
export type Message = Readonly<Record<string, unknown>>;

/** An encoded message, or several of them in an array: text in JSON, bytes in MessagePack. */
export type Payload = string | Uint8Array;

/** The one value of a message that is not ours, so that nobody has looked at it yet. */
export interface Carried {
  /** Its key in the message. Only arguments that are refused have not started anything. */
  readonly name: "args" | "result" | "chunk" | "error" | "metadata";
  readonly value: unknown;
}

export interface MessageCodec {
  /**
   * Leaves out what is undefined.
   * @throws SnakepitError SERIALIZATION with the path and type of what cannot be carried exactly,
   * VALUE_TOO_LARGE
   */
  encode(message: Message, carried?: Carried): Payload;
  /** Encoded messages as one document, an array of them. */
  batch(messages: readonly Payload[]): Payload;
  /** @throws any error when the bytes are no document of this codec */
  decode(document: Buffer): unknown;
}

export interface Framing {
  readonly codec: MessageCodec;
  /** Documents as the bytes of one write. */
  frame(documents: readonly Payload[]): Payload;
  reader(listener: FrameListener): FrameReader;
}

export interface FrameListener {
  /** `bytes` is what it took on the wire, more or less. */
  message(message: Message, bytes: number): void;
  /** Something that is no message and does no harm to what follows. */
  noise(text: string): void;
}

export interface FrameReader {
  /**
   * Takes the next bytes, however they were cut. Returns what the writer did wrong, as a sentence
   * goes on after its name; nothing that follows can be read then.
   */
  push(chunk: Buffer): string | undefined;
}

/** A longer document is taken for a writer gone wild. */
export const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;
/** A longer value is refused before it is sent; what is left is for the message around it. */
export const MAX_VALUE_BYTES = MAX_DOCUMENT_BYTES - 1024 * 1024;

export function isMessage(value: unknown): value is Message {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
