import type { Socket } from "node:net";
import { join } from "node:path";
import { jsonCodec, Reception, SocketListener } from "snakepit/wire";
import type { GrpcPlace } from "./grpc-door.ts";
import { GrpcListener } from "./grpc-listener.ts";
import { listenError } from "./listen-error.ts";
import type { ResolvedListen } from "./listen-options.ts";
import { messagePackCodec } from "./values/msgpack-codec.ts";

/** Where the output of a forked worker goes. */
export type OutputHandler = (workerId: string, output: Socket, first: Buffer) => void;

export interface WorkerHostOptions {
  readonly transport: "socket" | "grpc";
  /** With `"grpc"`: for workers on other machines; absent, a Unix socket. */
  readonly listen?: ResolvedListen | undefined;
  readonly onOutput: OutputHandler;
  /** Most bytes of one value's parts. Default: 1 GiB. */
  readonly maxValueBytes?: number | undefined;
}

/** So often within a lease, or nearly, both sides notice that the network swallows everything. */
const KEEPALIVES_PER_LEASE = 3;

/** Where this host's workers dial in: a Unix socket, and a gRPC server where that is wanted. */
export class WorkerHost implements AsyncDisposable {
  readonly reception: Reception;
  /** For a worker's second connection, which carries its stdout and stderr. */
  readonly outputAddress: string;
  /** For its frames. */
  readonly address: string;
  readonly #socket: SocketListener;
  readonly #grpc: GrpcListener | undefined;

  private constructor(
    reception: Reception,
    socket: SocketListener,
    grpc: GrpcListener | undefined,
  ) {
    this.reception = reception;
    this.outputAddress = `unix:${socket.path}`;
    this.address = grpc?.address ?? this.outputAddress;
    this.#socket = socket;
    this.#grpc = grpc;
  }

  static async open(options: WorkerHostOptions): Promise<WorkerHost> {
    const { transport, listen, onOutput, maxValueBytes } = options;
    const reception = new Reception({
      codecs: [messagePackCodec, jsonCodec],
      ...(listen === undefined ? {} : { leaseMs: listen.leaseMs }),
      ...(maxValueBytes === undefined ? {} : { maxValueBytes }),
    });
    const socket = await SocketListener.open({ reception, onOutput });
    try {
      const grpc =
        transport === "grpc" ? await openGrpc(reception, socket.directory, listen) : undefined;
      return new WorkerHost(reception, socket, grpc);
    } catch (error) {
      await socket[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Whoever asks for its health hears that no more workers are taken. */
  stopServing(): void {
    this.#grpc?.health.stopServing();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#grpc?.[Symbol.asyncDispose]();
    await this.#socket[Symbol.asyncDispose]();
  }
}

/** `directory` is private to this user, and goes with whoever made it. */
function openGrpc(
  reception: Reception,
  directory: string,
  listen: ResolvedListen | undefined,
): Promise<GrpcListener> {
  if (listen === undefined) {
    return GrpcListener.open({ reception, place: { path: join(directory, "g") } });
  }
  const { host, port, advertise, tls, connectTimeoutMs, leaseMs } = listen;
  const place: GrpcPlace = { host, port, advertise, tls };
  const keepaliveMs = Math.ceil(leaseMs / KEEPALIVES_PER_LEASE);
  const options = { reception, place, handshakeMs: connectTimeoutMs, keepaliveMs };
  return GrpcListener.open(options).catch((error: unknown) => {
    throw listenError(error, listen);
  });
}
