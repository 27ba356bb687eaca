import type { PoolSessions } from "../inspect/protocol.ts";
import { applicationOf, type CommandOptions, withApplications } from "./command.ts";
import { CommandFailure } from "./failure.ts";
import { duration } from "./measures.ts";
import { type Output, table } from "./output.ts";
import { applicationLine } from "./tables.ts";

interface SessionsOptions extends CommandOptions {
  readonly sweep: boolean;
  readonly values: boolean;
}

/** The sessions of every pool; with `sweep` those that had expired are removed before. */
export async function sessions(options: SessionsOptions): Promise<void> {
  const { output, sweep, values, ...choice } = options;
  const problems: string[] = [];
  await withApplications(choice, async (chosen) => {
    const answers = await Promise.all(
      chosen.map(async (attached) => ({
        application: applicationOf(attached),
        heading: applicationLine(attached.report),
        pools: await attached.client.ask("sessions", { sweep, values }),
      })),
    );
    if (output.isJson) output.json(answers.map(({ heading: _, ...rest }) => rest));
    for (const { heading, pools } of answers) {
      if (!output.isJson) output.line(output.bold(heading));
      for (const pool of pools) {
        if (!output.isJson) writePool(output, pool);
        if (pool.problem !== undefined) problems.push(`pool ${pool.pool}: ${pool.problem}`);
      }
    }
  });
  if (problems.length > 0) throw new CommandFailure("failed", problems.join("; "));
}

function writePool(output: Output, answer: PoolSessions): void {
  const { pool, open, stats, sessions: listed, isCut, swept } = answer;
  const known =
    stats === undefined ? "" : `, ${stats.sessions} of ${stats.maxSessions} in the store`;
  const kind = stats === undefined ? "" : ` (${stats.store})`;
  output.line(`pool ${pool}: ${open} open${known}${kind}`);
  if (swept !== undefined) output.line(`removed ${swept.length} that had expired`);
  if (listed === undefined || listed.length === 0) return;
  const nowMs = Date.now();
  const rows = listed.map((session) => [
    session.id,
    session.workerId ?? "-",
    session.affinity,
    duration(nowMs - session.createdAtMs),
    duration(nowMs - session.lastUsedAtMs),
    // Infinity has no place in JSON, and comes as null.
    duration((session.expiresAtMs ?? Number.POSITIVE_INFINITY) - nowMs),
    session.metadata === undefined
      ? session.metadataKeys.join(" ")
      : JSON.stringify(session.metadata),
  ]);
  const head = ["session", "worker", "affinity", "age", "idle", "ends in", "metadata"];
  for (const line of table(head, rows)) output.line(line);
  if (isCut === true) output.line(`and more: only the first ${listed.length} are listed`);
}
