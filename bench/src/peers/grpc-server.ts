import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { protoFile, startPython, stopPython, whenReady } from "../python-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../temporary-folder.ts";

type Answer<Reply> = (error: Error | null, reply: Reply) => void;

/** What the loaded proto gives us; `@grpc/proto-loader` knows no types at compile time. */
export interface BenchClient {
  add(request: { a: number; b: number }, answer: Answer<{ sum: number }>): void;
  count(request: { chunks: number }): AsyncIterable<unknown>;
  echo(request: { data: Uint8Array }, answer: Answer<{ data: Uint8Array } | undefined>): void;
  check(request: { service: string }, answer: Answer<unknown>): void;
  batches(): BatchStream;
  waitForReady(deadline: number, done: (error?: Error) => void): void;
  close(): void;
}

interface BatchStream {
  write(frame: { document: Uint8Array }): boolean;
  on(event: "data", listener: (frame: { document: Buffer }) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  cancel(): void;
}

const READY_MS = 10_000;

const channelOptions = {
  // Otherwise all clients of a process share one connection.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  // By itself it waits a second before it looks for a new server, and then longer.
  "grpc.initial_reconnect_backoff_ms": 10,
  "grpc.max_reconnect_backoff_ms": 50,
};

/** A grpcio server in a process of its own, on a Unix socket. */
export class GrpcServer implements AsyncDisposable {
  readonly #folder: TemporaryFolder;
  readonly #newClient: NewClient;
  #child: ChildProcess;
  #isClosed = false;

  static async start(): Promise<GrpcServer> {
    const newClient = await loadClient();
    const folder = temporaryFolder();
    const server = new GrpcServer(folder, newClient);
    try {
      await whenReady(server.#child, firstOutput(server.#child));
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(folder: TemporaryFolder, newClient: NewClient) {
    this.#folder = folder;
    this.#newClient = newClient;
    this.#child = this.#spawn();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** A client that is ready. */
  async connect(): Promise<BenchClient> {
    const client = this.#newClient(this.#address);
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + READY_MS, (error) => (error ? reject(error) : resolve()));
    });
    return client;
  }

  /** Kills it; another one starts at once. */
  crash(): void {
    this.#child.kill("SIGKILL");
    this.#child.once("exit", () => {
      if (!this.#isClosed) this.#child = this.#spawn();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await stopPython(this.#child);
    this.#folder[Symbol.dispose]();
  }

  get #address(): string {
    return `unix:${this.#folder.file("grpc")}`;
  }

  #spawn(): ChildProcess {
    return startPython("grpc_server.py", [this.#address, join(protoFile, "..")]);
  }
}

type NewClient = (address: string) => BenchClient;

async function loadClient(): Promise<NewClient> {
  const { credentials, loadPackageDefinition } = await import("@grpc/grpc-js");
  const { loadSync } = await import("@grpc/proto-loader");
  const loaded = loadPackageDefinition(loadSync(protoFile, { longs: Number }));
  const { Bench } = loaded["bench"] as unknown as {
    Bench: new (address: string, credentials: unknown, options: object) => BenchClient;
  };
  return (address) => new Bench(address, credentials.createInsecure(), channelOptions);
}

function firstOutput({ stdout }: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => stdout?.once("data", resolve));
}
