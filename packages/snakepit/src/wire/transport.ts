import type { SnakepitError } from "../errors.ts";

/** What carries frames between the host and one worker: a socket, a stream of another protocol. */
export interface Transport {
  /** For people: "socket". */
  readonly name: string;
  /** Bytes that the transport wants to fill in itself, in front of each document. */
  readonly headroom: number;
  /** Called once, before anything arrives. */
  listen(listener: TransportListener): void;
  /** Sends one frame, which the transport owns from now on. False: wait for `drained`. */
  send(frame: Uint8Array): boolean;
  /**
   * Ends the connection after what was sent has left. Idempotent. `refusal`: why the worker is turned
   * away, for a transport that has words of its own for it.
   */
  close(refusal?: SnakepitError<string>): void;
}

export interface TransportListener {
  frame(document: Uint8Array): void;
  drained(): void;
  /** Exactly once, also after `close`. `error` is absent when the worker hung up in good order. */
  closed(error?: Error): void;
}
