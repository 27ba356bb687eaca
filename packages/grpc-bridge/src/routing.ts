import type { PoolPlan } from "./pool-plans.ts";

type Route = (command: string) => string | undefined;

/**
 * The pool for each command: as `route` says, else the pool that names the command, else the one
 * that has its longest beginning, else the first.
 */
export function routing(plans: readonly PoolPlan[], route: Route = () => undefined) {
  const names = new Map<string, string>();
  const beginnings: { readonly begins: string; readonly pool: string }[] = [];
  for (const { name: pool, commands } of plans) {
    for (const command of commands) {
      if (command.endsWith("*")) beginnings.push({ begins: command.slice(0, -1), pool });
      else if (!names.has(command)) names.set(command, pool);
    }
  }
  beginnings.sort((one, other) => other.begins.length - one.begins.length);
  const first = plans[0]?.name ?? "";
  return (command: string): string =>
    route(command) ??
    names.get(command) ??
    beginnings.find(({ begins }) => command.startsWith(begins))?.pool ??
    first;
}
