import { AsyncLocalStorage } from "node:async_hooks";
import type { PoolSession } from "./session.ts";

/** Which session of a pool is in force; of several pools each has its own part of it. */
export interface SessionScope {
  sessionIn(pool: object): PoolSession | undefined;
}

/** Made with the first use: programs without scopes pay nothing. */
let storage: AsyncLocalStorage<SessionScope> | undefined;

/** Runs `work`; calls that it makes on its pool belong to the session, unless they name another. */
export function runInScope<Result>(scope: SessionScope, work: () => Result): Result {
  storage ??= new AsyncLocalStorage();
  return storage.run(scope, work);
}

/** The session of the scope in which this code runs, if it has one for that pool. */
export function scopedSession(pool: object): PoolSession | undefined {
  return storage?.getStore()?.sessionIn(pool);
}
