import type { TraceListener } from "../adapter.ts";
import { SnakepitError } from "../errors.ts";
import type { Fleet } from "../fleet.ts";
import { poolLimitNames, type ResolvedPoolOptions } from "../options.ts";
import type { Pool } from "../pool.ts";
import type { Replacements } from "../replacements.ts";
import type { Sessions } from "../sessions.ts";
import type { Worker } from "../worker.ts";
import type { PoolReport, PoolWorkers, Recycled } from "./protocol.ts";

/** What the inspector sees of a pool. */
export interface PoolParts {
  /** As in its events. */
  readonly name: string;
  readonly pool: Pick<Pool, "stats" | "workers" | "sessions">;
  readonly fleet: Fleet;
  readonly replacements: Replacements;
  readonly options: ResolvedPoolOptions;
}

/** A pool, as whoever looks at it from outside may see and touch it. */
export class PoolView {
  readonly name: string;
  readonly #parts: PoolParts;

  constructor(parts: PoolParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  get sessions(): Sessions {
    return this.#parts.pool.sessions;
  }

  report(): PoolReport {
    const { pool, fleet, options } = this.#parts;
    const { minWorkers, maxWorkers } = fleet;
    const { name: adapter } = options.adapter;
    return { name: this.name, adapter, minWorkers, maxWorkers, stats: pool.stats() };
  }

  workers(): PoolWorkers["workers"] {
    return this.#parts.pool.workers();
  }

  /** Numbers and names: what an adapter or a launcher was given may hold secrets. */
  options(): Readonly<Record<string, unknown>> {
    const { options } = this.#parts;
    const limits = poolLimitNames.map((name) => [name, finite(options[name])]);
    return {
      ...Object.fromEntries(limits),
      launcher: (options.launcher ?? options.adapter.launcher)?.name ?? "local",
      warmUp: options.warmUp.map(({ command }) => command),
      circuit: options.circuit ?? false,
    };
  }

  /** By its id or its pid. */
  worker(idOrPid: string): Worker | undefined {
    const { fleet } = this.#parts;
    const isMeant = ({ process: child }: Worker) => String(child?.pid) === idOrPid;
    return fleet.worker(idOrPid) ?? [...fleet.all()].find(isMeant);
  }

  /** @throws SnakepitError NOT_ALLOWED, WORKER_START_FAILED; WORKER_BUSY when it goes already */
  async recycle(worker: Worker, options: { readonly force: boolean }): Promise<Recycled> {
    const successor = await this.#parts.replacements.recycle(worker, options);
    return { pool: this.name, old: worker.id, new: successor.id };
  }

  /** @throws SnakepitError UNSUPPORTED; WORKER_BUSY when it is not there yet or no more */
  trace(worker: Worker, listener: TraceListener): Disposable {
    const { connection } = worker;
    if (connection === undefined)
      throw new SnakepitError(
        "WORKER_BUSY",
        `worker ${worker.id} is ${worker.phase}; trace one that is ready`,
      );
    if (connection.trace !== undefined) return connection.trace(listener);
    throw new SnakepitError(
      "UNSUPPORTED",
      `the adapter ${this.#parts.options.adapter.name} shows no frames: its connections have no trace()`,
    );
  }
}

/** JSON has no Infinity. */
function finite(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}
