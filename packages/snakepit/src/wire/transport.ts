import type { SnakepitError } from "../errors.ts";
import type { PartFrame, PartHeader } from "./part-frame.ts";

/** What carries frames between the host and one worker: a socket, a stream of another protocol. */
export interface Transport {
  /** For people: "socket". */
  readonly name: string;
  /** Bytes that the transport wants to fill in itself, in front of each document. */
  readonly headroom: number;
  /** Bytes of a part in one frame, at most 1 MiB: small frames wait behind that many. */
  readonly partFrameBytes: number;
  /** Called once, before anything arrives. */
  listen(listener: TransportListener): void;
  /** Sends one frame, which the transport owns from now on. False: wait for `drained`. */
  send(frame: Uint8Array): boolean;
  /** The same for a frame of a part. */
  sendPart(frame: PartFrame): boolean;
  /**
   * Ends the connection after what was sent has left. Idempotent. `refusal`: why the worker is turned
   * away, for a transport that has words of its own for it.
   */
  close(refusal?: SnakepitError<string>): void;
}

export interface TransportListener {
  /** The document's memory may be used for the next one when this has returned. */
  frame(document: Uint8Array): void;
  /**
   * A frame of a part has begun: where its `bytes` go, which the transport fills. Undefined: it is
   * refused, and the connection closed. Absent: nobody expects parts yet.
   */
  part?(header: PartHeader, bytes: number): Uint8Array | undefined;
  /** The place that was given last is filled. */
  partFilled?(): void;
  drained(): void;
  /** Exactly once, also after `close`. `error` is absent when the worker hung up in good order. */
  closed(error?: Error): void;
}
