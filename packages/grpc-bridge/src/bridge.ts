import {
  type AnyCommands,
  type CallOptions,
  type CloseOptions,
  type CommandMapOf,
  createPool,
  createPools,
  type Pool,
  type Pools,
  type RestartOptions,
  type RestartReport,
  type SessionOptions,
  type Sessions,
} from "snakepit";
import { type BridgeStatus, poolStatus } from "./bridge-status.ts";
import { checkBridgeOptions } from "./check-options.ts";
import type { BridgeSession, Execute, Stream } from "./command-calls.ts";
import { DspyService } from "./dspy/service.ts";
import { ForkServers } from "./fork-servers.ts";
import { resolveListen } from "./listen-options.ts";
import type { BridgeOptions } from "./options.ts";
import { type PoolPlan, poolPlans } from "./pool-plans.ts";
import { Python } from "./python/python.ts";
import { PythonAdapter } from "./python-adapter.ts";
import { routing } from "./routing.ts";

/**
 * Python workers behind one object: commands, single functions, DSPy. `Commands` types what they
 * take and give, as for `createPool`; a bridge with a map can be passed where a plain `Bridge` is
 * expected.
 */
export interface Bridge<Commands extends CommandMapOf<Commands> = AnyCommands>
  extends AsyncDisposable {
  /**
   * Any command that the workers know.
   * @throws SnakepitError, see `Pool.execute`; UNKNOWN_POOL when `route` names none of the pools
   */
  readonly execute: Execute<Commands>;
  /**
   * The chunks of a command, in order; leaving the loop cancels it. The call begins with the first
   * `next()`, and what it throws is thrown there.
   * @throws SnakepitError as `execute`
   */
  readonly stream: Stream<Commands>;
  /** Functions of any installed Python module. */
  readonly python: Python;
  /** DSPy programs, as plain data. */
  readonly dspy: DspyService;
  /**
   * Calls that belong together, as `Pool.session`; with several pools in all of them, or with
   * `{ pool }` in that one.
   * @throws SnakepitError INVALID_ARGUMENT for a wrong id or option, and when it is open with other
   * options; UNKNOWN_POOL when there is no such pool; POOL_CLOSED
   */
  session(id?: string, options?: SessionOptions): BridgeSession<Commands>;
  /** All sessions that the store knows. */
  readonly sessions: Sessions;
  /** The workers themselves: events, statistics. Of several pools the first. */
  readonly pool: Pool<Commands>;
  /** All pools, of a bridge that was made with `pools`; undefined where there is only one. */
  readonly pools: Pools | undefined;
  /** How each pool is doing, by its name. Asks no worker. */
  status(): BridgeStatus;
  /**
   * Replaces every worker by one that has imported everything anew, the new one first, so that no
   * call fails. What cannot be replaced is in the report.
   * @throws SnakepitError WORKER_START_FAILED when a new one does not come up; the old ones stay
   */
  restart(options?: RestartOptions): Promise<RestartReport>;
  /**
   * Takes no new calls, lets those that wait and run go on for `graceMs` (20 s), then ends all
   * workers of all pools: what still waits fails with POOL_CLOSED, what still runs with CANCELLED.
   * Callable twice; both wait for the same end.
   * @throws SnakepitError INVALID_ARGUMENT when `graceMs` is no time
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Starts Python workers: resolves when the first of them are ready.
 * @throws SnakepitError INVALID_OPTIONS; WORKER_START_FAILED when there is no usable Python or no
 * worker came up
 */
export async function createBridge<Commands extends CommandMapOf<Commands> = AnyCommands>(
  options: BridgeOptions = {},
): Promise<Bridge<Commands>> {
  const bridge: Bridge = await startBridge(options);
  return bridge;
}

async function startBridge(options: BridgeOptions): Promise<PythonBridge> {
  checkBridgeOptions(options);
  const servers = new ForkServers();
  const members = poolPlans(options).map((plan): Member => {
    const { python, transport, maxValueBytes } = plan;
    const listen = plan.listen && resolveListen(plan.listen);
    return {
      plan,
      adapter: new PythonAdapter(python, transport, { servers, listen, maxValueBytes }),
    };
  });
  return new PythonBridge(await startPools(members, options), members, servers);
}

/** One pool to be, and the Python that its workers run on. */
interface Member {
  readonly plan: PoolPlan;
  readonly adapter: PythonAdapter;
}

function startPools(members: readonly Member[], options: BridgeOptions): Promise<Pool | Pools> {
  const { pools, route, store, maxSessions } = options;
  const [only] = members;
  // No router stands in front of a single pool: it would cost each small call a tenth.
  if (pools === undefined && only !== undefined)
    return createPool({ ...only.plan.options, adapter: only.adapter });
  const entries = members.map(
    ({ plan, adapter }) => [plan.name, { ...plan.options, adapter }] as const,
  );
  return createPools<string>(Object.fromEntries(entries), {
    route: routing(
      members.map(({ plan }) => plan),
      route,
    ),
    ...(store === undefined ? {} : { store }),
    ...(maxSessions === undefined ? {} : { maxSessions }),
  });
}

class PythonBridge implements Bridge {
  readonly pool: Pool;
  readonly pools: Pools | undefined;
  readonly python: Python;
  readonly dspy: DspyService;
  readonly #calls: Pool | Pools;
  readonly #members: readonly Member[];
  readonly #servers: ForkServers;

  constructor(calls: Pool | Pools, members: readonly Member[], servers: ForkServers) {
    this.#calls = calls;
    this.#members = members;
    this.#servers = servers;
    this.pools = "names" in calls ? calls : undefined;
    this.pool = "names" in calls ? calls.pool(members[0]?.plan.name ?? "") : calls;
    this.python = new Python(calls);
    this.dspy = new DspyService(calls);
  }

  execute<Reply>(command: string, args?: unknown, options?: CallOptions): Promise<Reply> {
    return this.#calls.execute(command, args, options) as Promise<Reply>;
  }

  stream<Chunk>(
    command: string,
    args?: unknown,
    options?: CallOptions,
  ): AsyncIterableIterator<Chunk, undefined> {
    return this.#calls.stream(command, args, options) as AsyncIterableIterator<Chunk, undefined>;
  }

  session(id?: string, options?: SessionOptions): BridgeSession {
    return this.#calls.session(id, options) as BridgeSession;
  }

  get sessions(): Sessions {
    return this.#calls.sessions;
  }

  status(): BridgeStatus {
    const entries = this.#running().map(({ plan, adapter, pool }) => [
      plan.name,
      poolStatus(pool, adapter),
    ]);
    return { pools: Object.fromEntries(entries) };
  }

  async restart(options?: RestartOptions): Promise<RestartReport> {
    const settle = this.#servers.renew();
    const restarts = this.#running().map(({ pool }) => pool.restart(options));
    // All of them, before anybody hears of one that did not succeed.
    const results = await Promise.allSettled(restarts);
    settle(results.some(({ status }) => status === "rejected"));
    const reports = await Promise.all(restarts);
    return {
      replaced: reports.flatMap(({ replaced }) => replaced),
      left: reports.flatMap(({ left }) => left),
    };
  }

  /** Somebody may have removed a pool. */
  #running(): readonly (Member & { readonly pool: Pool })[] {
    const { pools } = this;
    if (pools === undefined) return this.#members.map((one) => ({ ...one, pool: this.pool }));
    const names = pools.names();
    return this.#members
      .filter(({ plan }) => names.includes(plan.name))
      .map((one) => ({ ...one, pool: pools.pool(one.plan.name) }));
  }

  close(options?: CloseOptions): Promise<void> {
    for (const { adapter } of this.#members) adapter.stopServing();
    return this.#calls.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
