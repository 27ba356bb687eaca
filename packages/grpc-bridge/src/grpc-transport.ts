import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Transport, TransportListener } from "snakepit/wire";
import type { ConnectRequest, ConnectResponse } from "./gen/snakepit_bridge/v1/bridge.ts";

/** The same frames on one bidirectional gRPC stream; its messages need no length of ours. */
export class GrpcTransport implements Transport {
  readonly name = "grpc";
  readonly headroom = 0;
  readonly #call: ServerDuplexStream<ConnectRequest, ConnectResponse>;
  #listener: TransportListener | undefined;
  #ended = false;

  constructor(call: ServerDuplexStream<ConnectRequest, ConnectResponse>) {
    this.#call = call;
    call.pause();
    call.on("data", ({ frame }: ConnectRequest) => {
      if (frame !== undefined) this.#listener?.frame(frame.document);
    });
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

  #end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    // A worker that has half closed its side has gone; our half would stay open for ever.
    this.#call.end();
    this.#listener?.closed(error);
  }
}
