import { AsyncLocalStorage } from "node:async_hooks";
import { show } from "./check-options.ts";
import { invalidArgument } from "./errors.ts";
import type { PoolSession, Session } from "./session.ts";

/** Which session of a pool is in force; of several pools each has its own part of it. */
export interface SessionScope {
  sessionIn(pool: object): PoolSession | undefined;
  /** The session over several pools, if it is one of theirs. */
  sessionOver?(pools: object): Session | undefined;
}

/** Made with the first use: programs without scopes pay nothing. */
let storage: AsyncLocalStorage<SessionScope> | undefined;

/** Runs `work`; calls that it makes on its pool belong to the session, unless they name another. */
export function runInScope<Result>(scope: SessionScope, work: () => Result): Result {
  if (typeof work !== "function") throw invalidArgument(`run takes a function, not ${show(work)}`);
  storage ??= new AsyncLocalStorage();
  return storage.run(scope, work);
}

/** The session of the scope in which this code runs, if it has one for that pool. */
export function scopedSession(pool: object): PoolSession | undefined {
  return storage?.getStore()?.sessionIn(pool);
}

/** The same over several pools. */
export function scopedSessionOver(pools: object): Session | undefined {
  return storage?.getStore()?.sessionOver?.(pools);
}
