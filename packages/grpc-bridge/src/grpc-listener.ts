import { createServer, type Server as NetServer, type Socket } from "node:net";
import { join } from "node:path";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { HANDSHAKE_MS, type Reception } from "snakepit/wire";
import { BridgeServiceService, type ConnectResponse } from "./gen/snakepit_bridge/v1/bridge.ts";
import { GrpcTransport } from "./grpc-transport.ts";

type Connect = ServerDuplexStream<Uint8Array, ConnectResponse>;

/** Requests come as they are: what gRPC could not read, it would end the stream for without a word. */
const service = {
  connect: { ...BridgeServiceService.connect, requestDeserialize: (bytes: Uint8Array) => bytes },
};

/**
 * A gRPC server whose connections come from a socket server of ours, through grpc-js's connection
 * injector: a server that grpc-js binds itself cannot be unref'd and would keep every program alive.
 */
export class GrpcListener implements AsyncDisposable {
  readonly path: string;
  readonly #server: Server;
  readonly #sockets: NetServer;
  readonly #open = new Set<Socket>();

  private constructor(path: string, server: Server, sockets: NetServer) {
    this.path = path;
    this.#server = server;
    this.#sockets = sockets;
  }

  /** `directory` is private to this user, and goes with whoever made it. */
  static async open(options: {
    readonly reception: Reception;
    readonly directory: string;
    /** A stranger whose stream says nothing for so long is sent away. Default: 30 s. */
    readonly handshakeMs?: number;
  }): Promise<GrpcListener> {
    const { reception, directory, handshakeMs = HANDSHAKE_MS } = options;
    // Our own limit is checked per frame; above it gRPC would end the stream with every call on it.
    const limit = reception.maxFrameBytes + 1024;
    const server = new Server({
      "grpc.max_receive_message_length": limit,
      "grpc.max_send_message_length": limit,
    });
    server.addService(service, {
      connect: (call: Connect) => receive(call, reception, handshakeMs),
    });
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const sockets = createServer();
    const listener = new GrpcListener(join(directory, "g"), server, sockets);
    sockets.on("connection", (socket) => {
      socket.unref();
      listener.#open.add(socket);
      socket.once("close", () => listener.#open.delete(socket));
      injector.injectConnection(socket);
    });
    await new Promise<void>((resolve, reject) => {
      sockets.once("error", reject);
      sockets.listen(listener.path, resolve);
    });
    sockets.unref();
    return listener;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    for (const socket of this.#open) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#sockets.close(() => resolve());
    });
  }
}

function receive(call: Connect, reception: Reception, handshakeMs: number): void {
  const transport = new GrpcTransport(call, { maxFrameBytes: reception.maxFrameBytes });
  const patience = setTimeout(() => transport.close(), handshakeMs).unref();
  transport.listen({
    frame: (document) => {
      clearTimeout(patience);
      reception.admit(transport, document);
    },
    drained: () => {},
    closed: () => clearTimeout(patience),
  });
}
