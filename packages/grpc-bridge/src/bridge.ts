import {
  type CallOptions,
  type CloseOptions,
  createPool,
  type Pool,
  type PoolStats,
  type WorkerInfo,
} from "snakepit";
import { DspyService } from "./dspy/service.ts";
import { type BridgeOptions, checkBridgeOptions, poolOptions } from "./options.ts";
import { Python } from "./python/python.ts";
import { PythonAdapter } from "./python-adapter.ts";
import { withAdvice } from "./start-advice.ts";

export interface BridgeStatus {
  /** The Python that workers run on. */
  readonly executable: string | undefined;
  readonly versions: Readonly<Record<string, string>>;
  readonly transport: "socket" | "grpc";
  /** Why workers are spawned although forking was wanted, if so. */
  readonly spawnReason: string | undefined;
  readonly workers: readonly WorkerInfo[];
  readonly stats: PoolStats;
}

/** Python workers behind one object: commands, single functions, DSPy. */
export interface Bridge extends AsyncDisposable {
  /** Any command that the workers know. @throws SnakepitError, see `Pool.execute` */
  execute(command: string, args?: unknown, options?: CallOptions): Promise<unknown>;
  /** The chunks of a command, in order; leaving the loop cancels it. */
  stream(
    command: string,
    args?: unknown,
    options?: CallOptions,
  ): AsyncIterableIterator<unknown, undefined>;
  /** Functions of any installed Python module. */
  readonly python: Python;
  /** DSPy programs, as plain data. */
  readonly dspy: DspyService;
  /** The workers themselves: events, statistics. */
  readonly pool: Pool;
  status(): BridgeStatus;
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Starts Python workers: resolves when the first of them are ready.
 * @throws SnakepitError INVALID_OPTIONS; WORKER_START_FAILED when there is no usable Python or no
 * worker came up
 */
export async function createBridge(options: BridgeOptions = {}): Promise<Bridge> {
  checkBridgeOptions(options);
  const { python = {}, transport = "socket", maxValueBytes } = options;
  const adapter = new PythonAdapter(python, transport, maxValueBytes);
  try {
    const pool = await createPool({ ...poolOptions(options), adapter });
    return new PythonBridge(pool, adapter);
  } catch (error) {
    throw withAdvice(error, adapter.executable);
  }
}

class PythonBridge implements Bridge {
  readonly pool: Pool;
  readonly python: Python;
  readonly dspy: DspyService;
  readonly #adapter: PythonAdapter;

  constructor(pool: Pool, adapter: PythonAdapter) {
    this.pool = pool;
    this.#adapter = adapter;
    this.python = new Python(pool);
    this.dspy = new DspyService(pool);
  }

  execute(command: string, args?: unknown, options?: CallOptions): Promise<unknown> {
    return this.pool.execute(command, args, options);
  }

  stream(
    command: string,
    args?: unknown,
    options?: CallOptions,
  ): AsyncIterableIterator<unknown, undefined> {
    return this.pool.stream(command, args, options);
  }

  status(): BridgeStatus {
    const { executable, versions, transport, launcher } = this.#adapter;
    return {
      executable,
      versions,
      transport,
      spawnReason: launcher?.spawnReason,
      workers: this.pool.workers(),
      stats: this.pool.stats(),
    };
  }

  close(options?: CloseOptions): Promise<void> {
    return this.pool.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
