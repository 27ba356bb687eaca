import assert from "node:assert/strict";
import { createPool } from "../../create-pool.ts";
import type { Launcher, WorkerProcess } from "../../launcher.ts";
import type { PoolLimits } from "../../options.ts";
import type { Pool } from "../../pool.ts";
import { within } from "./checks.ts";
import { launcherOf } from "./lone-worker.ts";
import type { ContractOptions } from "./options.ts";

/** A pool, and hands on its processes. */
export interface PoolUnderTest {
  readonly pool: Pool;
  /** Every process that it has started, oldest first. */
  readonly processes: readonly WorkerProcess[];
  /** The worker that serves now, of a pool that has one. */
  worker(): string;
}

export async function withPool(
  options: ContractOptions,
  limits: Partial<PoolLimits>,
  use: (test: PoolUnderTest) => Promise<void>,
): Promise<void> {
  const { timeoutMs } = options;
  const adapter = options.adapter();
  const processes: WorkerProcess[] = [];
  const launcher = recording(launcherOf(options, adapter), processes);
  const times = {
    startTimeoutMs: timeoutMs,
    callTimeoutMs: timeoutMs,
    chunkTimeoutMs: timeoutMs,
  };
  const pool = await createPool({ adapter, launcher, ...times, ...limits });
  try {
    await use({ pool, processes, worker: () => onlyWorker(pool) });
  } finally {
    await within(timeoutMs, "the end of the pool", pool.close({ graceMs: 0 }));
  }
}

function recording(launcher: Launcher, processes: WorkerProcess[]): Launcher {
  return {
    name: launcher.name,
    async launch(spec, options) {
      const process = await launcher.launch(spec, options);
      processes.push(process);
      return process;
    },
  };
}

function onlyWorker(pool: Pool): string {
  const [worker, ...others] = pool.workers().filter(({ state }) => state === "ready");
  assert.ok(worker !== undefined && others.length === 0, "there must be one ready worker");
  return worker.id;
}
