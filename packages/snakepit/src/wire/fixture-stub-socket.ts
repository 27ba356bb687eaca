import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { SocketTransport } from "./socket-transport.ts";

/** As much of a socket as framing and channel touch, for tests: takes all, and says what it is told. */
export class StubSocket extends EventEmitter {
  destroyed = false;
  closed = false;
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
      if (!this.destroyed) this.emit("data", Buffer.from(head));
      rest = rest.subarray(head.length);
    }
  }
}
