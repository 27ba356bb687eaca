import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";

/** Names of files with PEM in them. */
export interface TlsFiles {
  /** Whoever signed the certificates of both sides. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Where a gRPC server is found: a socket that only this user can reach, or TCP with mTLS. */
export type GrpcPlace =
  | { readonly path: string }
  | {
      readonly host: string;
      readonly port: number;
      /** What workers dial: a name, with a port if theirs is another. */
      readonly advertise: string;
      readonly tls: TlsFiles;
    };

export interface GrpcDoorOptions {
  /** A peer whose TLS handshake takes longer is sent away. */
  readonly handshakeMs: number;
  /** A connection, decrypted, of a peer whose certificate the CA has signed. */
  readonly enter: (socket: Socket) => void;
}

/**
 * Lets connections in. The TLS handshake is done here and not by grpc-js's secure credentials, which
 * leave a peer that says nothing two minutes, and a broken handshake without a word.
 */
export class GrpcDoor implements AsyncDisposable {
  readonly #place: GrpcPlace;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(place: GrpcPlace, server: Server) {
    this.#place = place;
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      socket.unref();
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      // A reset, before anybody else listens; `close` follows and is what counts.
      socket.on("error", () => {});
    });
  }

  static async open(place: GrpcPlace, options: GrpcDoorOptions): Promise<GrpcDoor> {
    const server = "path" in place ? plainServer(options) : tlsServer(place, options);
    const door = new GrpcDoor(place, server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      if ("path" in place) server.listen(place.path, resolve);
      else server.listen(place.port, place.host, resolve);
    });
    server.unref();
    return door;
  }

  /** As a worker is told it. */
  get address(): string {
    if ("path" in this.#place) return `grpc:unix:${this.#place.path}`;
    const { advertise } = this.#place;
    if (/^(\[.+\]|[^:]+):\d+$/.test(advertise)) return `grpcs:${advertise}`;
    const { port } = this.#server.address() as AddressInfo;
    return `grpcs:${isIPv6(advertise) ? `[${advertise}]` : advertise}:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

function plainServer({ enter }: GrpcDoorOptions): Server {
  return createServer(enter);
}

function tlsServer(place: { readonly tls: TlsFiles }, options: GrpcDoorOptions): Server {
  const { ca, cert, key } = place.tls;
  const server = createTlsServer({
    ca: readFileSync(ca),
    cert: readFileSync(cert),
    key: readFileSync(key),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["h2"],
    handshakeTimeout: options.handshakeMs,
    // Small frames must not wait for one another.
    noDelay: true,
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    socket.on("error", () => {}); // as of any connection; its streams tell of it
    if (socket.alpnProtocol === "h2") options.enter(socket);
    else socket.destroy();
  });
  // No certificate, plain text, a hand that is not taken in time: it is no worker of ours.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}
