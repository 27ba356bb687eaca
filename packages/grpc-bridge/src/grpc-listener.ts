import type { Socket } from "node:net";
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  status as Status,
} from "@grpc/grpc-js";
import { SnakepitError } from "snakepit";
import { HANDSHAKE_MS, type Reception, versionProblem } from "snakepit/wire";
import { HealthService } from "./gen/grpc/health/v1/health.ts";
import { BridgeServiceService, type ConnectResponse } from "./gen/snakepit_bridge/v1/bridge.ts";
import { GrpcDoor, type GrpcPlace } from "./grpc-door.ts";
import { GrpcHealth } from "./grpc-health.ts";
import { GrpcTransport } from "./grpc-transport.ts";
import { statusOf } from "./status.ts";

type Connect = ServerDuplexStream<Uint8Array, ConnectResponse>;

/** What a worker says before its first frame; docs/protocol.md, "Carriers". */
const TOKEN_KEY = "snakepit-token";
const WORKER_KEY = "snakepit-worker-id";
const PROTOCOL_KEY = "snakepit-protocol";

/** What a frame needs around it in a message: two tags and two lengths. */
const ENVELOPE_BYTES = 1024;

/** Requests come as they are: what gRPC could not read, it would end the stream for without a word. */
const service = {
  connect: { ...BridgeServiceService.connect, requestDeserialize: (bytes: Uint8Array) => bytes },
};

export interface GrpcListenerOptions {
  readonly reception: Reception;
  readonly place: GrpcPlace;
  /** A peer that says nothing for so long is sent away. Default: 30 s. */
  readonly handshakeMs?: number;
  /**
   * HTTP/2 pings this often, and the connection is given up when one is not answered within the same
   * time again. Absent: none, since on one machine a death closes the socket.
   */
  readonly keepaliveMs?: number;
}

/**
 * A gRPC server whose connections come from a socket server of ours, through grpc-js's connection
 * injector: a server that grpc-js binds itself cannot be unref'd and would keep every program alive.
 */
export class GrpcListener implements AsyncDisposable {
  readonly health: GrpcHealth;
  /** For `SNAKEPIT_ADDRESS`. */
  readonly address: string;
  readonly #server: Server;
  readonly #door: GrpcDoor;

  private constructor(health: GrpcHealth, server: Server, door: GrpcDoor) {
    this.health = health;
    this.address = door.address;
    this.#server = server;
    this.#door = door;
  }

  static async open(options: GrpcListenerOptions): Promise<GrpcListener> {
    const { reception, place, handshakeMs = HANDSHAKE_MS, keepaliveMs } = options;
    // Our own limit is checked per frame; above it gRPC would end the stream with every call on it.
    const limit = reception.maxFrameBytes + ENVELOPE_BYTES;
    const server = new Server({
      "grpc.max_receive_message_length": limit,
      "grpc.max_send_message_length": limit,
      // One that connects and opens no stream; a worker's stream is never idle in this sense.
      "grpc.max_connection_idle_ms": handshakeMs,
      ...(keepaliveMs === undefined
        ? {}
        : { "grpc.keepalive_time_ms": keepaliveMs, "grpc.keepalive_timeout_ms": keepaliveMs }),
    });
    const health = new GrpcHealth();
    server.addService(HealthService, health.handlers);
    server.addService(service, {
      connect: (call: Connect) => receive(call, reception, handshakeMs),
    });
    // Whether they are encrypted is the door's business.
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const enter = (socket: Socket) => injector.injectConnection(socket);
    const door = await GrpcDoor.open(place, { handshakeMs, enter });
    return new GrpcListener(health, server, door);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.health.stopServing();
    this.#server.forceShutdown();
    await this.#door[Symbol.asyncDispose]();
  }
}

function receive(call: Connect, reception: Reception, handshakeMs: number): void {
  const refusal = check(call.metadata, reception);
  if (refusal !== undefined) {
    call.on("error", () => {}); // our own, below
    call.emit("error", refusal);
    return;
  }
  const transport = new GrpcTransport(call, { maxFrameBytes: reception.maxFrameBytes });
  const patience = setTimeout(() => transport.close(silent(handshakeMs)), handshakeMs).unref();
  transport.listen({
    frame: (document) => {
      clearTimeout(patience);
      reception.admit(transport, document);
    },
    drained: () => {},
    closed: () => clearTimeout(patience),
  });
}

/** Before any frame: the status that a stranger is sent away with. */
function check(metadata: Metadata, reception: Reception): ReturnType<typeof statusOf> | undefined {
  // The token first: who does not know it learns nothing else.
  if (!reception.knows(metadata.get(TOKEN_KEY)[0])) {
    const text = `the token in the metadata ${TOKEN_KEY} is missing or wrong; it is in SNAKEPIT_TOKEN of a worker that this host has started`;
    const error = new SnakepitError("NOT_ALLOWED", text, { outcome: "not-started" });
    return statusOf(error, Status.UNAUTHENTICATED);
  }
  const problem = versionProblem(Number(metadata.get(PROTOCOL_KEY)[0]));
  if (problem === undefined) return undefined;
  const workerId = String(metadata.get(WORKER_KEY)[0] ?? "");
  return statusOf(reception.refuse(workerId, problem), Status.FAILED_PRECONDITION);
}

function silent(handshakeMs: number): SnakepitError<"PROTOCOL"> {
  const text = `no hello came within ${handshakeMs} ms`;
  return new SnakepitError("PROTOCOL", text, { outcome: "not-started" });
}
