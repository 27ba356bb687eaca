import type { Socket } from "node:net";
import { SnakepitError } from "../errors.ts";
import {
  PART_HEADER_BYTES,
  type PartFrame,
  type PartHeader,
  readPartHeader,
  writePartHeader,
} from "./part-frame.ts";
import { PART_FRAME_BYTES } from "./part-limits.ts";
import { withSharedReads } from "./shared-reads.ts";
import type { Transport, TransportListener } from "./transport.ts";

const HEADER_BYTES = 4;
/** Set in the length of a frame that holds bytes of a part. */
const PART_BIT = 0x8000_0000;
/** How long what was sent before a close has to leave: a worker may have stopped reading. */
const FAREWELL_MS = 2_000;

/** Frames on a stream socket: four bytes of length, big endian, then the document, or a part's. */
export class SocketTransport implements Transport {
  readonly name = "socket";
  readonly headroom = HEADER_BYTES;
  readonly partFrameBytes = PART_FRAME_BYTES;
  #socket: Socket;
  /** A longer frame ends the connection. */
  maxFrameBytes: number;
  #listener: TransportListener | undefined;
  #error: Error | undefined;
  /** A header or frame of which only a part has come, and how much of it. */
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #frame: Uint8Array | undefined;
  #filled = 0;
  /** Of a frame of a part: its header, of which only a bit may have come; how many bytes follow. */
  #partHeader: Buffer | undefined;
  #partBytes = 0;
  /** The frame is of a part, and `#frame` its place in there. */
  #isPart = false;

  constructor(socket: Socket, options: { readonly maxFrameBytes: number }) {
    this.#socket = socket;
    this.maxFrameBytes = options.maxFrameBytes;
    // Paused until somebody listens, so that no early frame is lost.
    socket.pause();
    this.#attend(socket);
  }

  #attend(socket: Socket): void {
    socket.unref();
    socket.on("data", this.#receive);
    socket.on("drain", () => this.#listener?.drained());
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // So ends, too, a worker that dies with something unread: no fault of the connection's.
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") this.#error ??= error;
    });
    socket.on("close", () => {
      if (socket !== this.#socket) return;
      this.#error ??= this.#tornFrame();
      this.#listener?.closed(this.#error);
      this.#letGo();
    });
  }

  listen(listener: TransportListener): void {
    const first = this.#listener === undefined;
    this.#listener = listener;
    if (first) this.#socket.resume();
    if (this.#socket.closed) queueMicrotask(() => listener.closed(this.#error));
  }

  /**
   * From now on a document lasts only as long as its listener's call. Only while nothing was sent.
   * Returns the socket that has the connection now.
   */
  shareReads(): Socket {
    const accepted = this.#socket;
    const socket = withSharedReads(accepted, this.#receive);
    if (socket === undefined) return accepted;
    accepted.off("data", this.#receive);
    this.#socket = socket;
    this.#attend(socket);
    socket.resume();
    return socket;
  }

  send(frame: Uint8Array): boolean {
    new DataView(frame.buffer, frame.byteOffset).setUint32(0, frame.byteLength - HEADER_BYTES);
    return this.#socket.write(frame);
  }

  sendPart(frame: PartFrame): boolean {
    const header = Buffer.allocUnsafe(HEADER_BYTES + PART_HEADER_BYTES);
    header.writeUInt32BE(PART_BIT + PART_HEADER_BYTES + frame.bytes.length);
    writePartHeader(header, HEADER_BYTES, frame);
    this.#socket.cork();
    this.#socket.write(header);
    const hasRoom = this.#socket.write(frame.bytes, frame.sent);
    this.#socket.uncork();
    return hasRoom;
  }

  close(): void {
    if (this.#closing || this.#socket.closed) return;
    this.#closing = true;
    this.#socket.destroySoon();
    const patience = setTimeout(() => this.#socket.destroy(), FAREWELL_MS).unref();
    this.#socket.once("close", () => clearTimeout(patience));
  }
  #closing = false;

  /** Takes the bytes that follow the frames read so far, and the socket with them. */
  detach(): { readonly socket: Socket; readonly rest: Buffer } {
    const rest = this.#rest ?? Buffer.alloc(0);
    this.#detached = true;
    this.#socket.removeAllListeners("data");
    return { socket: this.#socket, rest };
  }
  #detached = false;
  #rest: Buffer | undefined;

  readonly #receive = (chunk: Buffer): void => {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#detached || this.#closing) return;
      offset =
        this.#frame === undefined
          ? this.#takeHeader(chunk, offset)
          : this.#takeFrame(chunk, offset);
    }
  };

  #takeHeader(chunk: Buffer, offset: number): number {
    let start = offset;
    let length: number;
    if (this.#filled === 0 && chunk.length - offset >= HEADER_BYTES) {
      length = chunk.readUInt32BE(offset);
      start += HEADER_BYTES;
    } else {
      const count = Math.min(HEADER_BYTES - this.#filled, chunk.length - offset);
      chunk.copy(this.#header, this.#filled, offset, offset + count);
      this.#filled += count;
      start += count;
      if (this.#filled < HEADER_BYTES) return start;
      length = this.#header.readUInt32BE(0);
      this.#filled = 0;
    }
    if (length > this.maxFrameBytes) {
      if (length >= PART_BIT) return this.#beginPart(length - PART_BIT, chunk, start);
      return this.#refuse(
        `a frame of ${length} bytes is above the limit of ${this.maxFrameBytes}`,
        chunk,
      );
    }
    // The common case: the whole frame is here, and is read where it lies.
    if (chunk.length - start >= length) {
      const end = start + length;
      this.#rest = chunk.subarray(end);
      this.#listener?.frame(chunk.subarray(start, end));
      return end;
    }
    this.#frame = Buffer.allocUnsafe(length);
    return start;
  }

  #takeFrame(chunk: Buffer, offset: number): number {
    const frame = this.#frame as Uint8Array;
    const count = Math.min(frame.length - this.#filled, chunk.length - offset);
    chunk.copy(frame, this.#filled, offset, offset + count);
    this.#filled += count;
    if (this.#filled === frame.length) {
      this.#frame = undefined;
      this.#filled = 0;
      this.#rest = chunk.subarray(offset + count);
      if (this.#isPart) this.#endPart(frame);
      else this.#listener?.frame(frame as Buffer);
    }
    return offset + count;
  }

  #beginPart(length: number, chunk: Buffer, start: number): number {
    if (this.#listener?.part === undefined)
      return this.#refuse("a part came before the handshake", chunk);
    if (length <= PART_HEADER_BYTES)
      return this.#refuse(`a frame of a part has ${length} bytes and holds none of it`, chunk);
    this.#isPart = true;
    this.#partBytes = length - PART_HEADER_BYTES;
    this.#partHeader = Buffer.allocUnsafe(PART_HEADER_BYTES);
    this.#frame = this.#partHeader;
    return start;
  }

  /** Either of its header, after which its bytes go straight to their place, or of all of it. */
  #endPart(filled: Uint8Array): void {
    if (filled === this.#partHeader) {
      this.#partHeader = undefined;
      const header: PartHeader = readPartHeader(filled as Buffer);
      this.#frame = this.#listener?.part?.(header, this.#partBytes);
    } else {
      this.#isPart = false;
      this.#listener?.partFilled?.();
    }
  }

  /** The fault may outlive everybody, and its stack knows this transport. */
  #letGo(): void {
    this.#listener = undefined;
    this.#frame = undefined;
    this.#rest = undefined;
  }

  /** The fault, if the worker hung up in the middle of a frame. */
  #tornFrame(): Error | undefined {
    if (this.#closing || (this.#frame === undefined && this.#filled === 0)) return undefined;
    const whole = this.#frame?.length ?? HEADER_BYTES;
    return new SnakepitError(
      "PROTOCOL",
      `the worker hung up in the middle of a frame: ${this.#filled} of ${whole} bytes had come`,
      { outcome: "unknown" },
    );
  }

  /** The stream has lost its rhythm: nothing after this can be trusted. */
  #refuse(problem: string, chunk: Buffer): number {
    this.#error ??= new SnakepitError("PROTOCOL", problem, { outcome: "unknown" });
    this.#socket.destroy();
    return chunk.length;
  }
}
