import type { Pool, PoolStats, WorkerInfo } from "snakepit";
import type { PythonAdapter } from "./python-adapter.ts";

/** One pool of a bridge, and the Python behind it. */
export interface PoolStatus {
  /** The Python that workers run on. */
  readonly executable: string | undefined;
  /** What the last worker said of itself: `python`, `snakepit_bridge`. */
  readonly versions: Readonly<Record<string, string>>;
  readonly transport: "socket" | "grpc";
  /** Where workers dial in, as a gRPC client takes it: `unix:/path`, or `host:port` over TCP. */
  readonly address: string | undefined;
  /** Why workers are spawned and not forked, if so; it names the module that does not allow it. */
  readonly spawnReason: string | undefined;
  /** Pid of the process that workers are forked from; pools of the same environment share one. */
  readonly forkServer: number | undefined;
  readonly workers: readonly WorkerInfo[];
  readonly stats: PoolStats;
}

export interface BridgeStatus {
  /** By name; a bridge with one pool calls it as its option `name` says, else `default`. */
  readonly pools: Readonly<Record<string, PoolStatus>>;
}

export function poolStatus(pool: Pool, adapter: PythonAdapter): PoolStatus {
  const { executable, versions, transport, address, spawnReason, launcher } = adapter;
  return {
    executable,
    versions,
    transport,
    // Workers are also told what they have to speak there.
    address: address?.replace(/^grpcs?:/, ""),
    spawnReason,
    forkServer: launcher?.forkServer,
    workers: pool.workers(),
    stats: pool.stats(),
  };
}
