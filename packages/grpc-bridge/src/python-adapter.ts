import { resolve } from "node:path";
import type { Adapter, Connection, ConnectOptions, WorkerProcess, WorkerSpec } from "snakepit";
import { resolvePython } from "./environment/index.ts";
import { ForkServerLauncher } from "./fork-server-launcher.ts";
import type { PythonSettings } from "./options.ts";
import { PythonConnection } from "./python-connection.ts";
import { WorkerHost } from "./worker-host.ts";

const DEFAULT_CONCURRENCY = 64;

/** What a Python worker is: a program that dials this host and says which commands it knows. */
export class PythonAdapter implements Adapter {
  readonly name = "python";
  readonly transport: "socket" | "grpc";
  /** Forks workers; absent when they are spawned by choice, as any other program. */
  readonly launcher?: ForkServerLauncher;
  /** What the last worker said of itself: the versions of Python and of its half of the bridge. */
  versions: Readonly<Record<string, string>> = {};
  readonly #python: PythonSettings;
  readonly #maxValueBytes: number | undefined;
  #opened: { readonly host: WorkerHost; readonly executable: string } | undefined;

  constructor(python: PythonSettings, transport: "socket" | "grpc", maxValueBytes?: number) {
    this.#python = python;
    this.#maxValueBytes = maxValueBytes;
    this.transport = transport;
    if (python.startMethod !== "spawn") this.launcher = new ForkServerLauncher();
  }

  get executable(): string | undefined {
    return this.#opened?.executable;
  }

  /** @throws SnakepitError WORKER_START_FAILED when there is no usable Python */
  async open({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { executable, autoSetup } = this.#python;
    const extras = [...(this.#python.extras ?? []), ...(this.transport === "grpc" ? ["grpc"] : [])];
    const resolved = await resolvePython({
      signal,
      ...(executable === undefined ? {} : { executable }),
      ...(autoSetup === undefined ? {} : { autoSetup }),
      extras,
    });
    const host = await WorkerHost.open(
      this.transport,
      (workerId, output, first) => this.launcher?.receiveOutput(workerId, output, first),
      this.#maxValueBytes,
    );
    this.#opened = { host, executable: resolved.executable };
  }

  async close(): Promise<void> {
    await this.launcher?.close();
    await this.#opened?.host[Symbol.asyncDispose]();
  }

  spec(): WorkerSpec {
    const { host, executable } = this.#host();
    const { preload = [], path = [], env = {}, concurrency = DEFAULT_CONCURRENCY } = this.#python;
    return {
      program: executable,
      // -P: what lies in the working directory must not stand in for a module of Python.
      args: ["-P", "-m", "snakepit_bridge"],
      channel: "dials",
      env: {
        ...env,
        ...(path.length > 0
          ? {
              PYTHONPATH: [...path.map((folder) => resolve(folder)), env["PYTHONPATH"]]
                .filter(Boolean)
                .join(":"),
            }
          : {}),
        SNAKEPIT_PRELOAD: preload.join(","),
        SNAKEPIT_CONCURRENCY: String(concurrency),
        SNAKEPIT_ADDRESS: host.address,
        SNAKEPIT_OUTPUT_ADDRESS: host.outputAddress,
        SNAKEPIT_TOKEN: host.reception.token,
      },
    };
  }

  async connect(process: WorkerProcess, options: ConnectOptions): Promise<Connection> {
    const { reception } = this.#host().host;
    try {
      const arrival = await reception.worker(process.workerId, options.signal);
      this.versions = arrival.hello.versions;
      return new PythonConnection(arrival, options);
    } catch (error) {
      reception.dismiss(process.workerId);
      throw error;
    }
  }

  #host(): { readonly host: WorkerHost; readonly executable: string } {
    if (this.#opened === undefined) throw new Error("the Python adapter is not open");
    return this.#opened;
  }
}
