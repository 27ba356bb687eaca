import type { Contestant, IdleWorkers } from "./contestant.ts";
import { heldBytes, proportionalBytes } from "./memory.ts";
import { processTree } from "./process-tree.ts";
import { type Sample, timed } from "./timed.ts";

/** From nothing to so many idle workers, in ms. The CPU time is that of one worker. */
export async function startTime(contestant: Contestant, workers: number): Promise<Sample> {
  const start = starterOf(contestant);
  const started = Math.min(workers, contestant.mostStarts ?? workers);
  const { elapsedMs, cpu, idle } = await timedStart(start, started);
  await idle[Symbol.asyncDispose]();
  return { values: { elapsed: (elapsedMs * workers) / started }, cpu };
}

/** The same, and the proportional size of one of them when all are ready, in MB. */
export async function startTimeAndMemory(contestant: Contestant, workers: number): Promise<Sample> {
  const start = starterOf(contestant);
  const started = Math.min(workers, contestant.mostStarts ?? workers);
  const { elapsedMs, cpu, idle } = await timedStart(start, started);
  const worker = averageBytes(idle.pids, started) / 1e6;
  await idle[Symbol.asyncDispose]();
  return { values: { elapsed: (elapsedMs * workers) / started, worker }, cpu };
}

async function timedStart(start: NonNullable<Contestant["start"]>, workers: number) {
  let idle: IdleWorkers | undefined;
  const { values, cpu } = await timed(async () => {
    idle = await start(workers);
    return { operations: workers, values: (elapsedMs) => ({ elapsedMs }) };
  });
  if (idle === undefined) throw new Error("unreachable: `timed` runs the work");
  return { elapsedMs: values["elapsedMs"] as number, cpu, idle };
}

const mebibyte = 1024 * 1024;

/** What an idle worker costs: its own proportional size, and what this process holds for it. */
export async function idleMemory(contestant: Contestant, workers: number): Promise<Sample> {
  const start = starterOf(contestant);
  const before = await heldBytes();
  await using started = await start(workers);
  const held = (await heldBytes()) - before;
  return {
    values: { worker: averageBytes(started.pids, workers) / mebibyte, host: held / workers / 1024 },
    cpu: undefined,
  };
}

/** Of the shell that ends the workers of a host which was killed; one for all of them. */
export async function janitorMemory(contestant: Contestant): Promise<Sample> {
  await using _ = await starterOf(contestant)(1);
  const janitor = processTree()?.find(({ parent, command }) => {
    return parent === process.pid && command.includes("snakepit-janitor");
  });
  const bytes = janitor === undefined ? undefined : proportionalBytes(janitor.pid);
  return { values: { size: (bytes ?? Number.NaN) / 1024 }, cpu: undefined };
}

/** NaN where the kernel does not tell of all of them. */
function averageBytes(pids: readonly number[], workers: number): number {
  const sizes = pids.flatMap((pid) => proportionalBytes(pid) ?? []);
  return sizes.length === workers ? sum(sizes) / workers : Number.NaN;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function starterOf({ name, start }: Contestant) {
  if (start === undefined) throw new Error(`${name} starts no workers`);
  return start;
}
