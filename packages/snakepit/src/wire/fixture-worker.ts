import { connect, type Socket } from "node:net";
import { PART_HEADER_BYTES, type PartFrame, readPartHeader } from "./part-frame.ts";

const PART_BIT = 0x8000_0000;

/** A worker by hand, for tests: it speaks exactly the bytes it is told to, over a real socket. */
export class HandWorker {
  readonly socket: Socket;
  #buffer = Buffer.alloc(0);
  readonly #frames: unknown[] = [];
  readonly #waiting: ((frame: unknown) => void)[] = [];
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  static async dial(path: string): Promise<HandWorker> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new HandWorker(socket);
  }

  send(message: unknown): void {
    this.sendRaw(Buffer.from(JSON.stringify(message)));
  }

  sendRaw(document: Buffer): void {
    this.socket.write(framed(document));
  }

  sendPart({ callId, number, partBytes, bytes }: PartFrame): void {
    this.socket.write(partFrame(callId, number, partBytes, bytes));
  }

  /** The next frame from the host, as JSON; a frame of a part as `{ part }`. */
  frame(): Promise<unknown> {
    const frame = this.#frames.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #take(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.length >= 4 && this.#buffer.length >= 4 + frameBytes(this.#buffer)) {
      const isPart = this.#buffer.readUInt32BE(0) >= PART_BIT;
      const end = 4 + frameBytes(this.#buffer);
      const content = this.#buffer.subarray(4, end);
      const frame: unknown = isPart ? { part: parsePart(content) } : JSON.parse(`${content}`);
      this.#buffer = this.#buffer.subarray(end);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#frames.push(frame);
      else waiting(frame);
    }
  }
}

/** A document's bytes on a socket. */
export function framed(document: string | Uint8Array): Buffer {
  const content = typeof document === "string" ? Buffer.from(document) : document;
  const header = Buffer.alloc(4);
  header.writeUInt32BE(content.length);
  return Buffer.concat([header, content]);
}

/** The frame's bytes on a socket; the numbers may be as wrong as a test likes. */
export function partFrame(
  callId: number,
  number: number,
  partBytes: number,
  bytes: Uint8Array,
): Buffer {
  const header = Buffer.alloc(4 + PART_HEADER_BYTES);
  header.writeUInt32BE(PART_BIT + PART_HEADER_BYTES + bytes.length);
  header.writeUInt32BE(callId, 4);
  header.writeUInt32BE(number, 8);
  header.writeBigUInt64BE(BigInt(partBytes), 12);
  return Buffer.concat([header, bytes]);
}

function parsePart(content: Buffer): PartFrame {
  const bytes = new Uint8Array(content.subarray(PART_HEADER_BYTES));
  return { ...readPartHeader(content), bytes };
}

function frameBytes(buffer: Buffer): number {
  return buffer.readUInt32BE(0) % PART_BIT;
}
