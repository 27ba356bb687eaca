import { resolve } from "node:path";
import type { Adapter, Connection, ConnectOptions, WorkerProcess, WorkerSpec } from "snakepit";
import { resolvePython } from "./environment/index.ts";
import { ForkServerLauncher } from "./fork-server-launcher.ts";
import type { ForkServers } from "./fork-servers.ts";
import type { ResolvedListen } from "./listen-options.ts";
import type { PythonSettings } from "./options.ts";
import { given } from "./pool-plans.ts";
import { PythonConnection } from "./python-connection.ts";
import { startAdvice } from "./start-advice.ts";
import { threadLimits } from "./thread-limits.ts";
import { WorkerHost } from "./worker-host.ts";
import { workerSeed } from "./worker-seed.ts";

const DEFAULT_CONCURRENCY = 64;

export interface PythonAdapterOptions {
  /** Those of its bridge, which pools with the same environment share. */
  readonly servers?: ForkServers | undefined;
  /** Where workers dial in over TCP. */
  readonly listen?: ResolvedListen | undefined;
  readonly maxValueBytes?: number | undefined;
}

/** What a Python worker is: a program that dials this host and says which commands it knows. */
export class PythonAdapter implements Adapter {
  readonly name = "python";
  readonly transport: "socket" | "grpc";
  /** Forks workers; absent when they are spawned by choice, as any other program. */
  readonly launcher?: ForkServerLauncher;
  /** What the last worker said of itself: the versions of Python and of its half of the bridge. */
  versions: Readonly<Record<string, string>> = {};
  readonly #python: PythonSettings;
  readonly #listen: ResolvedListen | undefined;
  readonly #maxValueBytes: number | undefined;
  #opened: { readonly host: WorkerHost; readonly executable: string } | undefined;
  #starts = 0;

  constructor(
    python: PythonSettings,
    transport: "socket" | "grpc",
    { servers, listen, maxValueBytes }: PythonAdapterOptions = {},
  ) {
    this.#python = python;
    this.#listen = listen;
    this.#maxValueBytes = maxValueBytes;
    this.transport = transport;
    if (python.startMethod !== "spawn") this.launcher = new ForkServerLauncher(servers);
  }

  /** Why workers are spawned and not forked, if so. */
  get spawnReason(): string | undefined {
    return this.launcher === undefined
      ? 'python.startMethod is "spawn"'
      : this.launcher.spawnReason;
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
    const host = await WorkerHost.open({
      transport: this.transport,
      listen: this.#listen,
      maxValueBytes: this.#maxValueBytes,
      onOutput: (workerId, output, first) => this.launcher?.receiveOutput(workerId, output, first),
    });
    this.#opened = { host, executable: resolved.executable };
  }

  /** Where workers dial in; undefined until it is open. */
  get address(): string | undefined {
    return this.#opened?.host.address;
  }

  /** The pool will take no more workers. */
  stopServing(): void {
    this.#opened?.host.stopServing();
  }

  async close(): Promise<void> {
    await this.launcher?.close();
    await this.#opened?.host[Symbol.asyncDispose]();
  }

  spec(): WorkerSpec {
    const { host, executable } = this.#host();
    const { preload = [], path = [], env = {}, concurrency = DEFAULT_CONCURRENCY } = this.#python;
    const { threads = 1, seed, unknownObjects = "error" } = this.#python;
    const number = this.#starts++;
    return {
      program: executable,
      // -P: what lies in the working directory must not stand in for a module of Python.
      args: ["-P", "-m", "snakepit_bridge"],
      channel: "dials",
      env: {
        ...threadLimits(threads),
        ...given(env),
        ...(path.length > 0
          ? {
              PYTHONPATH: [...path.map((folder) => resolve(folder)), env["PYTHONPATH"]]
                .filter(Boolean)
                .join(":"),
            }
          : {}),
        SNAKEPIT_PRELOAD: preload.join(","),
        SNAKEPIT_CONCURRENCY: String(concurrency),
        ...(seed === undefined ? {} : { SNAKEPIT_SEED: String(workerSeed(seed, number)) }),
        SNAKEPIT_UNKNOWN_OBJECTS: unknownObjects,
        SNAKEPIT_ADDRESS: host.address,
        SNAKEPIT_OUTPUT_ADDRESS: host.outputAddress,
        SNAKEPIT_TOKEN: host.reception.token,
        ...tlsVariables(this.#listen),
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

  startAdvice(stderr: string): string | undefined {
    return startAdvice(stderr, this.#host().executable, this.#listen);
  }

  #host(): { readonly host: WorkerHost; readonly executable: string } {
    if (this.#opened === undefined) throw new Error("the Python adapter is not open");
    return this.#opened;
  }
}

/** Names of files only: what stands in an environment may be seen by others. */
function tlsVariables(listen: ResolvedListen | undefined): Readonly<Record<string, string>> {
  if (listen === undefined) return {};
  const { ca, worker } = listen.tls;
  return {
    SNAKEPIT_TLS_CA: resolve(ca),
    SNAKEPIT_TLS_CERT: resolve(worker.cert),
    SNAKEPIT_TLS_KEY: resolve(worker.key),
  };
}
