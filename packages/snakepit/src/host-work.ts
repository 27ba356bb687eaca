import { AsyncLocalStorage } from "node:async_hooks";
import type { Call } from "./call.ts";
import { SnakepitError } from "./errors.ts";

/** A chain of calls that call each other through the host is a fault long before this. */
const MAX_DEPTH = 16;

/** Made with the first use: programs whose workers never ask the host for anything pay nothing. */
let storage: AsyncLocalStorage<Call> | undefined;

/** Runs something of the host's inside a call: `ancestor()` finds the call from there. */
export function runInside<Result>(call: Call, work: () => Result): Result {
  storage ??= new AsyncLocalStorage();
  return storage.run(call, work);
}

/** The call on whose behalf this code runs, if it runs on behalf of one. */
export function ancestor(): Call | undefined {
  return storage?.getStore();
}

/** How deep a call below `parent` would be. @throws SnakepitError INVALID_ARGUMENT with the chain */
export function depthBelow(parent: Call, command: string): number {
  const depth = parent.depth + 1;
  if (depth <= MAX_DEPTH) return depth;
  const chain = [command];
  for (let call: Call | undefined = parent; call !== undefined; call = call.parent)
    chain.unshift(call.command);
  throw new SnakepitError(
    "INVALID_ARGUMENT",
    `calls are nested more than ${MAX_DEPTH} deep: ${chain.join(" > ")}; a tool that calls the command it serves never ends`,
    { outcome: "not-started", details: { chain } },
  );
}
