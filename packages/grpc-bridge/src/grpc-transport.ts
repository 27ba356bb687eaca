import type { ServerDuplexStream } from "@grpc/grpc-js";
import { SnakepitError } from "snakepit";
import type { Transport, TransportListener } from "snakepit/wire";
import { ConnectRequest, type ConnectResponse } from "./gen/snakepit_bridge/v1/bridge.ts";

/** The same frames on one bidirectional gRPC stream; its messages need no length of ours. */
export class GrpcTransport implements Transport {
  readonly name = "grpc";
  readonly headroom = 0;
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
    call.on("error", (error: Error) => this.#end(error));
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
    const document = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
    return this.#call.write({ frame: { document } });
  }

  close(): void {
    this.#call.end();
    this.#end();
  }

  #receive(message: Uint8Array): void {
    if (this.#ended) return;
    let document: Uint8Array | undefined;
    try {
      document = ConnectRequest.decode(message).frame?.document;
    } catch (error) {
      return this.#fail(`a message is no request: ${(error as Error).message}`, error);
    }
    if (document === undefined) return this.#fail("a message holds no frame");
    const { length } = document;
    if (length > this.#maxFrameBytes)
      return this.#fail(`a frame of ${length} bytes is above the limit of ${this.#maxFrameBytes}`);
    this.#listener?.frame(document);
  }

  #fail(problem: string, cause?: unknown): void {
    this.#end(new SnakepitError("PROTOCOL", problem, { outcome: "unknown", cause }));
  }

  #end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    // A worker that has half closed its side has gone; our half would stay open for ever.
    this.#call.end();
    this.#listener?.closed(error);
  }
}
