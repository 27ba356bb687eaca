import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Adapter, createPool, type Pool } from "snakepit";
import { nodeAdapter, processAdapter } from "snakepit/process";
import type { Contestant, IdleWorkers } from "./contestant.ts";
import { interpreter, pythonFolder } from "./python-process.ts";

export const nodeWorkerFile = fileURLToPath(
  new URL("../workers/lines-worker.mjs", import.meta.url),
);

/** A Python program of a page, JSON lines on its pipes, and a deadline on every call. */
export async function openPythonProcess(): Promise<Contestant> {
  return openProcess("ours", pythonLines());
}

/** The same pool with a worker written in Node. */
export async function openNodeProcess(): Promise<Contestant> {
  return openProcess("node-worker", nodeAdapter({ script: nodeWorkerFile }));
}

async function openProcess(name: string, adapter: Adapter): Promise<Contestant> {
  const pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 1 });
  const options = { timeoutMs: 30_000 };
  return {
    name,
    add: (a, b) => pool.execute("add", { a, b }, options) as Promise<number>,
    [Symbol.asyncDispose]: () => pool.close({ graceMs: 1_000 }),
  };
}

/** All workers in one pool, started side by side as it sees fit. */
export async function openNodeStarts(): Promise<Contestant> {
  return starter("ours", (workers) => startPool(nodeAdapter({ script: nodeWorkerFile }), workers));
}

export async function openPythonStarts(): Promise<Contestant> {
  return starter("python-worker", (workers) => startPool(pythonLines(), workers));
}

/** One worker is ready before the next one starts. */
export async function openOneAfterAnother(): Promise<Contestant> {
  return starter("one-after-another", async (workers) => {
    const all: IdleWorkers[] = [];
    while (all.length < workers) {
      all.push(await startPool(nodeAdapter({ script: nodeWorkerFile }), 1));
    }
    return {
      pids: all.flatMap(({ pids }) => pids),
      [Symbol.asyncDispose]: async () => {
        await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
      },
    };
  });
}

export function starter(name: string, start: NonNullable<Contestant["start"]>): Contestant {
  return { name, start, [Symbol.asyncDispose]: async () => {} };
}

async function startPool(adapter: Adapter, workers: number): Promise<IdleWorkers> {
  const pool = await createPool({ adapter, minWorkers: workers, maxWorkers: workers });
  return { pids: pidsOf(pool), [Symbol.asyncDispose]: () => pool.close({ graceMs: 0 }) };
}

function pidsOf(pool: Pool): number[] {
  return pool.workers().flatMap(({ pid }) => pid ?? []);
}

function pythonLines(): Adapter {
  return processAdapter({
    program: interpreter(),
    args: [join(pythonFolder, "lines_worker.py")],
    protocol: "json-lines",
  });
}
