import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { SocketTransport } from "./socket-transport.ts";

/** How what comes is handed over: each read in memory of its own, or all in the same. */
export const readings = ["own memory", "shared memory"] as const;

/** As much of a socket as framing and channel touch, for tests: takes all, and says what it is told. */
export class StubSocket extends EventEmitter {
  readonly #reading: (typeof readings)[number];
  destroyed = false;
  closed = false;

  constructor(reading: (typeof readings)[number]) {
    super();
    this.#reading = reading;
  }

  unref(): void {}
  pause(): void {}
  resume(): void {}
  cork(): void {}
  uncork(): void {}
  write(): boolean {
    return true;
  }
  destroySoon(): void {
    this.destroy();
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.closed = true;
    this.emit("close");
  }

  transport(maxFrameBytes: number): SocketTransport {
    return new SocketTransport(this as unknown as Socket, { maxFrameBytes });
  }

  /** The bytes arrive in pieces of these lengths, the rest as one, until somebody hangs up. */
  feed(bytes: Buffer, cuts: readonly number[]): void {
    let rest = bytes;
    for (const cut of [...cuts, bytes.length]) {
      const head = rest.subarray(0, cut);
      const chunk = Buffer.from(head);
      if (!this.destroyed) this.emit("data", chunk);
      if (this.#reading === "shared memory") chunk.fill(0xee); // the next read has come
      rest = rest.subarray(head.length);
    }
  }
}
