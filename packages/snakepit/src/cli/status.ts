import { setTimeout as delay } from "node:timers/promises";
import type { ApplicationReport } from "../inspect/protocol.ts";
import type { SocketOwner } from "../inspect/socket-file.ts";
import { type Attached, silentLines } from "./attach.ts";
import { type CommandOptions, withApplications } from "./command.ts";
import { clean, type Output } from "./output.ts";
import { poolRates } from "./rates.ts";
import { applicationLine, commandTable, poolTable } from "./tables.ts";

/** Between the two looks that give a rate. */
const BETWEEN_LOOKS_MS = 500;
/** Of a pool. */
const MOST_COMMANDS = 8;

/** Applications and their pools, with what they did in the last half second. */
export async function status({ output, ...choice }: CommandOptions): Promise<void> {
  await withApplications(choice, async (chosen, found) => {
    await delay(BETWEEN_LOOKS_MS);
    const pairs = (await Promise.all(chosen.map(again))).filter((pair) => pair !== undefined);
    if (output.isJson) return output.json(statusDocument(pairs, found.silent));
    for (const [index, pair] of pairs.entries()) {
      if (index > 0) output.line();
      writeApplication(output, pair);
    }
    for (const line of silentLines(found)) output.line(line);
  });
}

interface Pair {
  readonly before: ApplicationReport;
  readonly now: ApplicationReport;
}

async function again({ client, report }: Attached): Promise<Pair | undefined> {
  try {
    return { before: report, now: await client.ask("application", {}) };
  } catch {
    return undefined; // it has ended between the two looks
  }
}

function writeApplication(output: Output, { now, before }: Pair): void {
  output.line(output.bold(applicationLine(now)));
  for (const line of poolTable(now, before)) output.line(line);
  for (const pool of now.pools) {
    const lines = commandTable(pool, MOST_COMMANDS);
    if (lines.length > 0) output.line(`\ncommands of ${clean(pool.name)}`);
    for (const line of lines) output.line(line);
  }
}

function statusDocument(pairs: readonly Pair[], silent: readonly SocketOwner[]) {
  return {
    applications: pairs.map(({ now, before }) => ({
      ...now,
      pools: now.pools.map((pool) => ({ ...pool, ...poolRates(pool, now, before) })),
    })),
    silent: silent.map(({ pid }) => ({ pid })),
  };
}
