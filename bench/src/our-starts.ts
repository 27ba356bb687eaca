import { createBridge } from "snakepit-grpc-bridge";
import type { Contestant, IdleWorkers } from "./contestant.ts";
import { starter } from "./our-processes.ts";
import { interpreter } from "./python-process.ts";
import type { Plan } from "./rounds.ts";

/** All at once, forked from one process that has imported DSPy; from nothing, with that process. */
export async function openDspyStarts(): Promise<Contestant> {
  return starter("ours", (workers) => startWithDspy(workers, "fork"));
}

/** Spawned, each imports DSPy by itself, and is ready before the next one starts. */
export async function openDspyOneAfterAnother({ startsOf16 }: Plan): Promise<Contestant> {
  const contestant = starter("one-after-another", async (workers) => {
    const all: IdleWorkers[] = [];
    while (all.length < workers) all.push(await startWithDspy(1, "spawn"));
    return {
      pids: all.flatMap(({ pids }) => pids),
      [Symbol.asyncDispose]: async () => {
        await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
      },
    };
  });
  return { ...contestant, mostStarts: startsOf16 };
}

async function startWithDspy(workers: number, startMethod: "fork" | "spawn"): Promise<IdleWorkers> {
  const bridge = await createBridge({
    minWorkers: workers,
    maxWorkers: workers,
    python: { executable: interpreter(), preload: ["dspy"], startMethod },
  });
  return {
    pids: bridge.pool.workers().flatMap(({ pid }) => pid ?? []),
    [Symbol.asyncDispose]: () => bridge.close({ graceMs: 0 }),
  };
}
