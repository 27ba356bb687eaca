import { startPool } from "./create-pool.ts";
import { SnakepitError } from "./errors.ts";
import type { PoolOptions } from "./options.ts";
import { inPool } from "./pool-errors.ts";
import type { Store } from "./store/store.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** Of one pool among several: they share one store, and each has the name of its key. */
export type NamedPoolOptions = Omit<PoolOptions, "name" | "store" | "maxSessions">;

/** @throws SnakepitError with the name of the pool */
export async function startNamed(
  name: string,
  options: NamedPoolOptions,
  store: Store,
): Promise<WorkerPool> {
  try {
    checkNamed(name, options);
    return await startPool({ ...options, name, store });
  } catch (error) {
    throw inPool(name, error);
  }
}

function checkNamed(name: string, options: NamedPoolOptions): void {
  const shared = ["name", "store", "maxSessions"].filter((key) => key in (options ?? {}));
  if (shared.length === 0) return;
  throw new SnakepitError(
    "INVALID_OPTIONS",
    `${shared.join(", ")} cannot be an option of ${name} alone: pools share one store, and have the names of their keys`,
  );
}
