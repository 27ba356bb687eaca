import type { Socket } from "node:net";
import { jsonCodec, Reception, SocketListener } from "snakepit/wire";
import { GrpcListener } from "./grpc-listener.ts";
import { messagePackCodec } from "./values/msgpack-codec.ts";

/** Where the output of a forked worker goes. */
export type OutputHandler = (workerId: string, output: Socket, first: Buffer) => void;

/** Where this host's workers dial in: a Unix socket, and a gRPC server where that is wanted. */
export class WorkerHost implements AsyncDisposable {
  readonly reception: Reception;
  /** For a worker's second connection, which carries its stdout and stderr. */
  readonly outputAddress: string;
  /** For its frames. */
  readonly address: string;
  readonly #listeners: readonly AsyncDisposable[];

  private constructor(
    reception: Reception,
    socket: SocketListener,
    grpc: GrpcListener | undefined,
  ) {
    this.reception = reception;
    this.outputAddress = `unix:${socket.path}`;
    this.address = grpc === undefined ? this.outputAddress : `grpc:unix:${grpc.path}`;
    this.#listeners = grpc === undefined ? [socket] : [socket, grpc];
  }

  /** `maxValueBytes`: most bytes of one value's parts. */
  static async open(
    transport: "socket" | "grpc",
    onOutput: OutputHandler,
    maxValueBytes?: number,
  ): Promise<WorkerHost> {
    const codecs = [messagePackCodec, jsonCodec];
    const reception = new Reception({
      codecs,
      ...(maxValueBytes === undefined ? {} : { maxValueBytes }),
    });
    const socket = await SocketListener.open({ reception, onOutput });
    const grpc =
      transport === "grpc"
        ? await GrpcListener.open({ reception, directory: socket.directory })
        : undefined;
    return new WorkerHost(reception, socket, grpc);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) await listener[Symbol.asyncDispose]();
  }
}
