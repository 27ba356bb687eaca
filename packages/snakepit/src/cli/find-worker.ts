import { closest, show } from "../check-options.ts";
import type { Attached } from "./attach.ts";
import { CommandFailure } from "./failure.ts";

/**
 * The application that has the worker of this id or pid.
 * @throws CommandFailure `nothing`; `usage` when several have one of that id
 */
export async function applicationOfWorker(
  chosen: readonly Attached[],
  idOrPid: string,
): Promise<Attached> {
  const all = await Promise.all(
    chosen.map(async (attached) => {
      const pools = await attached.client.ask("workers", {});
      return { attached, workers: pools.flatMap(({ workers }) => workers) };
    }),
  );
  const owners = all.filter(({ workers }) =>
    workers.some(({ id, pid }) => id === idOrPid || String(pid) === idOrPid),
  );
  const [owner, ...others] = owners;
  if (owner !== undefined && others.length === 0) return owner.attached;
  if (owner === undefined) {
    const ids = all.flatMap(({ workers }) => workers.map(({ id }) => id));
    const near = closest(idOrPid, ids);
    const known = ids.length === 0 ? "there are none" : `there are ${ids.join(", ")}`;
    const hint = near === undefined ? known : `meant ${near}?`;
    throw new CommandFailure("nothing", `there is no worker ${show(idOrPid)}; ${hint}`);
  }
  const where = owners.map(
    ({ attached: { report }, workers }) =>
      `${report.name} (pid ${report.pid}, the worker's ${workers.find(({ id }) => id === idOrPid)?.pid})`,
  );
  throw new CommandFailure(
    "usage",
    `${idOrPid} is a worker of ${where.join(" and of ")}; name it by its own pid, or choose the application with --pid`,
  );
}
