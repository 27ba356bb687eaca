import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { SocketTransport } from "./socket-transport.ts";

/** How what comes is handed over: in memory of the socket's, or in that of the transport. */
export const readings = ["data", "in place"] as const;

/** As much of a socket as framing and channel touch, for tests: takes all, and says what it is told. */
export class StubSocket extends EventEmitter {
  readonly #reading: (typeof readings)[number];
  #transport: SocketTransport | undefined;
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
    this.#transport = new SocketTransport(this as unknown as Socket, { maxFrameBytes });
    return this.#transport;
  }

  /** The bytes arrive in pieces of these lengths, the rest as one, until somebody hangs up. */
  feed(bytes: Buffer, cuts: readonly number[]): void {
    let rest = bytes;
    for (const cut of [...cuts, bytes.length]) {
      const head = rest.subarray(0, cut);
      if (this.#reading === "data" && !this.destroyed) this.emit("data", Buffer.from(head));
      else this.#fillPlaces(head);
      rest = rest.subarray(head.length);
    }
  }

  /** As Node does for the callback of `onread`: each place is asked for before there is anything. */
  #fillPlaces(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && !this.destroyed; ) {
      const place = this.#transport?.place() ?? new Uint8Array();
      const count = Math.min(place.length, bytes.length - at);
      bytes.copy(place, 0, at, at + count);
      this.#transport?.filled(count);
      at += count;
    }
  }
}
