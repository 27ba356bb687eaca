import { type ServerDuplexStream, status as Status, type StatusObject } from "@grpc/grpc-js";
import { SnakepitError } from "snakepit";
import type { PartFrame, Transport, TransportListener } from "snakepit/wire";
import {
  ConnectRequest,
  type ConnectResponse,
  type Part,
} from "./gen/snakepit_bridge/v1/bridge.ts";
import { errorOf, statusOf } from "./status.ts";

/**
 * gRPC keeps several messages on their way. With 1 MiB in each a small call waited for up to a
 * second (p99) beside 60 MiB, with this 0.15 s; the transfer took as long.
 */
const PART_FRAME_BYTES = 256 * 1024;

/** The same frames on one bidirectional gRPC stream; its messages need no length of ours. */
export class GrpcTransport implements Transport {
  readonly name = "grpc";
  readonly headroom = 0;
  readonly partFrameBytes = PART_FRAME_BYTES;
  readonly #call: ServerDuplexStream<Uint8Array, ConnectResponse>;
  readonly #maxFrameBytes: number;
  #listener: TransportListener | undefined;
  #ended = false;

  /** `call` gives each message as its bytes. */
  constructor(
    call: ServerDuplexStream<Uint8Array, ConnectResponse>,
    options: { readonly maxFrameBytes: number },
  ) {
    this.#call = call;
    this.#maxFrameBytes = options.maxFrameBytes;
    call.pause();
    call.on("data", (message: Uint8Array) => this.#receive(message));
    call.on("drain", () => this.#listener?.drained());
    // Whichever comes first; which of them come at all depends on how the stream ended.
    call.on("error", (error: Error) => this.#end(converted(error)));
    call.on("cancelled", () => this.#end());
    call.on("end", () => this.#end());
    call.on("close", () => this.#end());
  }

  listen(listener: TransportListener): void {
    const first = this.#listener === undefined;
    this.#listener = listener;
    if (first) this.#call.resume();
  }

  send(frame: Uint8Array): boolean {
    return this.#call.write({ frame: { content: { $case: "document", value: viewOf(frame) } } });
  }

  sendPart({ callId, number, partBytes, bytes, sent }: PartFrame): boolean {
    const value = { callId, number, partBytes: BigInt(partBytes), bytes: viewOf(bytes) };
    return this.#call.write({ frame: { content: { $case: "part", value } } }, sent);
  }

  /** A refusal becomes the stream's status. */
  close(refusal?: SnakepitError<string>): void {
    this.#end(undefined, refusal && statusOf(refusal, Status.FAILED_PRECONDITION));
  }

  #receive(message: Uint8Array): void {
    if (this.#ended) return;
    let content: NonNullable<ConnectRequest["frame"]>["content"];
    try {
      content = ConnectRequest.decode(message).frame?.content;
    } catch (error) {
      return this.#fail(`a message is no request: ${(error as Error).message}`, error);
    }
    if (content === undefined) return this.#fail("a message holds no frame");
    if (content.$case === "part") return this.#receivePart(content.value);
    const { value: document } = content;
    const { length } = document;
    if (length > this.#maxFrameBytes)
      return this.#fail(`a frame of ${length} bytes is above the limit of ${this.#maxFrameBytes}`);
    this.#listener?.frame(document);
  }

  #receivePart({ callId, number, partBytes, bytes }: Part): void {
    if (this.#listener?.part === undefined) return this.#fail("a part came before the handshake");
    const header = { callId, number, partBytes: Number(partBytes) };
    const place = this.#listener.part(header, bytes.length);
    if (place === undefined) return;
    place.set(bytes);
    this.#listener.partFilled?.();
  }

  #fail(problem: string, cause?: unknown): void {
    const fault = new SnakepitError("PROTOCOL", problem, { outcome: "unknown", cause });
    this.#end(fault, statusOf(fault));
  }

  #end(error?: Error, status?: StatusObject): void {
    if (this.#ended) return;
    this.#ended = true;
    // A worker that has half closed its side has gone; our half would stay open for ever. Only an
    // error that is emitted reaches the peer as a status: `destroy` would send it nothing.
    if (status === undefined) this.#call.end();
    else this.#call.emit("error", status);
    this.#listener?.closed(error);
    this.#listener = undefined; // whoever keeps the error, keeps this transport
  }
}

/** gRPC tells of a message above its limit, or of broken HTTP/2, with a status. */
function converted(error: Error & { readonly code?: unknown }): Error {
  const { code, message } = error;
  if (typeof code !== "number") return error;
  return errorOf({ code, details: (error as { details?: string }).details ?? message });
}

/** The same memory: gRPC's own writer copies it. */
function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
