import type { AnyCommands, CommandMapOf } from "./command-types.ts";
import { holding } from "./hold.ts";
import { type PoolOptions, resolvePoolOptions } from "./options.ts";
import type { Pool } from "./pool.ts";
import { openStore } from "./store/open-store.ts";
import { WorkerPool } from "./worker-pool.ts";

/**
 * Starts a pool: resolves when `minWorkers` are ready, or when at least one is and the others have
 * failed (they are tried again).
 * @throws SnakepitError INVALID_OPTIONS; WORKER_START_FAILED when no worker came up
 */
export async function createPool<Commands extends CommandMapOf<Commands> = AnyCommands>(
  options: PoolOptions,
): Promise<Pool<Commands>> {
  const pool: Pool = await startPool(options);
  return pool;
}

/** The same, as other parts of this package see it. */
export async function startPool(options: PoolOptions): Promise<WorkerPool> {
  const resolved = resolvePoolOptions(options);
  const { store } = options;
  if (typeof store !== "string") return opened(new WorkerPool(resolved));
  const { maxSessions } = resolved;
  const own = await holding(openStore(store, { maxSessions }));
  try {
    return await opened(new WorkerPool({ ...resolved, store: own, ownsStore: true }));
  } catch (error) {
    await own.close();
    throw error;
  }
}

async function opened(pool: WorkerPool): Promise<WorkerPool> {
  await holding(pool.open());
  return pool;
}
