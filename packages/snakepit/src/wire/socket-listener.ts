import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SnakepitError } from "../errors.ts";
import { guardFolder } from "../local/janitor.ts";
import { HANDSHAKE_MS, parseJson, type Reception } from "./reception.ts";
import { SocketTransport } from "./socket-transport.ts";

/** Linux allows 107 bytes and macOS 103; Node 20 silently cuts a longer path off (and binds it). */
const MAX_PATH_BYTES = 100;
/** What a stranger may make us keep. Commands are listed in a hello, so that it can be long. */
const MAX_HELLO_BYTES = 1024 * 1024;

export interface SocketListenerOptions {
  readonly reception: Reception;
  /** A worker's stdout and stderr, when it dials a second time for them. */
  readonly onOutput?: (workerId: string, output: Socket, first: Buffer) => void;
  /** A stranger that says nothing for so long is sent away. Default: 30 s. */
  readonly handshakeMs?: number;
  /**
   * Where to make the socket's own folder: the first that is writable and has a short enough path.
   * Default: XDG_RUNTIME_DIR, TMPDIR, /tmp.
   */
  readonly directories?: readonly string[];
}

/** A Unix socket in a directory that only this user can enter. */
export class SocketListener implements AsyncDisposable {
  readonly path: string;
  /** Private to this user; it goes with the listener. */
  readonly directory: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(directory: string, server: Server) {
    this.directory = directory;
    this.path = join(directory, "s");
    this.#server = server;
  }

  /** @throws SnakepitError UNSUPPORTED when every candidate directory's path is too long */
  static async open(options: SocketListenerOptions): Promise<SocketListener> {
    const server = createServer({ pauseOnConnect: true });
    const listener = new SocketListener(makePrivateDirectory(options.directories), server);
    server.on("connection", (socket) => listener.#receive(socket, options));
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(listener.path, resolve);
      });
    } catch (error) {
      rmSync(listener.directory, { recursive: true, force: true });
      throw error;
    }
    guardFolder(listener.directory);
    // For ever: a program that awaits nothing must be able to end.
    server.unref();
    process.once("exit", listener.#removeDirectory);
    return listener;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    process.off("exit", this.#removeDirectory);
    this.#removeDirectory();
  }

  readonly #removeDirectory = (): void => {
    rmSync(this.directory, { recursive: true, force: true });
  };

  #receive(socket: Socket, options: SocketListenerOptions): void {
    const { reception, onOutput, handshakeMs = HANDSHAKE_MS } = options;
    this.#keep(socket);
    const maxFrameBytes = Math.min(MAX_HELLO_BYTES, reception.maxFrameBytes);
    const transport = new SocketTransport(socket, { maxFrameBytes });
    const patience = setTimeout(() => socket.destroy(), handshakeMs).unref();
    transport.listen({
      frame: (document) => {
        clearTimeout(patience);
        const first = parseJson(document);
        if (isOutput(first) && onOutput !== undefined && reception.knows(first.token)) {
          const { rest } = transport.detach();
          onOutput(first.workerId, socket, rest);
        } else {
          transport.maxFrameBytes = reception.maxFrameBytes;
          // Before anything is written, which the accepted socket would have to finish.
          this.#keep(transport.shareReads());
          reception.admit(transport, document);
        }
      },
      drained: () => {},
      closed: () => clearTimeout(patience),
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

function usualDirectories(): string[] {
  const { XDG_RUNTIME_DIR, TMPDIR } = process.env;
  return [XDG_RUNTIME_DIR ?? "", TMPDIR ?? "", tmpdir(), "/tmp"].filter((path) => path !== "");
}

function makePrivateDirectory(candidates: readonly string[] = usualDirectories()): string {
  const tried: string[] = [];
  for (const parent of new Set(candidates)) {
    const example = join(parent, "snakepit-XXXXXX", "s");
    if (Buffer.byteLength(example) > MAX_PATH_BYTES) {
      tried.push(`${parent} (its socket path would have ${Buffer.byteLength(example)} bytes)`);
      continue;
    }
    try {
      return mkdtempSync(join(parent, "snakepit-")); // made with mode 0700
    } catch (error) {
      tried.push(`${parent} (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  throw new SnakepitError(
    "UNSUPPORTED",
    `no directory for a socket: tried ${tried.join(", ")}; set TMPDIR to a writable directory with a path below ${MAX_PATH_BYTES - 18} bytes`,
    { outcome: "not-started" },
  );
}

function isOutput(first: unknown): first is { workerId: string; token: unknown } {
  const message = first as { type?: unknown; workerId?: unknown } | null | undefined;
  return message?.type === "output" && typeof message.workerId === "string";
}
