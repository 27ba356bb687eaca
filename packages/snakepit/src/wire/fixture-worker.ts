import { connect, type Socket } from "node:net";

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
    const header = Buffer.alloc(4);
    header.writeUInt32BE(document.length);
    this.socket.write(Buffer.concat([header, document]));
  }

  /** The next frame from the host, as JSON. */
  frame(): Promise<unknown> {
    const frame = this.#frames.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #take(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.length >= 4 && this.#buffer.length >= 4 + this.#buffer.readUInt32BE(0)) {
      const end = 4 + this.#buffer.readUInt32BE(0);
      const frame: unknown = JSON.parse(this.#buffer.subarray(4, end).toString());
      this.#buffer = this.#buffer.subarray(end);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#frames.push(frame);
      else waiting(frame);
    }
  }
}
