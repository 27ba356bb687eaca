import type { Contestant } from "./contestant.ts";
import { heldBytes, proportionalBytes } from "./memory.ts";
import { processTree } from "./process-tree.ts";
import { type Sample, timed } from "./timed.ts";

/** From nothing to so many idle workers, in ms. The CPU time is that of one worker. */
export async function startTime(contestant: Contestant, workers: number): Promise<Sample> {
  const start = starterOf(contestant);
  const { values, cpu, started } = await timedStart(start, workers);
  await started[Symbol.asyncDispose]();
  return { values, cpu };
}

async function timedStart(start: NonNullable<Contestant["start"]>, workers: number) {
  let started: AsyncDisposable | undefined;
  const sample = await timed(async () => {
    started = await start(workers);
    return { operations: workers, values: (elapsedMs) => ({ elapsed: elapsedMs }) };
  });
  if (started === undefined) throw new Error("unreachable: `timed` runs the work");
  return { ...sample, started };
}

const mebibyte = 1024 * 1024;

/** What an idle worker costs: its own proportional size, and what this process holds for it. */
export async function idleMemory(contestant: Contestant, workers: number): Promise<Sample> {
  const start = starterOf(contestant);
  const before = await heldBytes();
  await using started = await start(workers);
  const held = (await heldBytes()) - before;
  const sizes = started.pids.flatMap((pid) => proportionalBytes(pid) ?? []);
  const total = sizes.length === workers ? sum(sizes) : Number.NaN;
  return {
    values: { worker: total / workers / mebibyte, host: held / workers / 1024 },
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

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function starterOf({ name, start }: Contestant) {
  if (start === undefined) throw new Error(`${name} starts no workers`);
  return start;
}
