import { createPool } from "snakepit";
import { fakeAdapter } from "snakepit/testing";
import { createBridge } from "snakepit-grpc-bridge";
import type { Contestant } from "./contestant.ts";
import { interpreter, pythonFolder } from "./python-process.ts";

/** The whole stack, as a user has it: pool, one worker, and a deadline on every call. */
export async function openOurs(): Promise<Contestant> {
  const bridge = await createBridge({
    minWorkers: 1,
    maxWorkers: 1,
    python: { executable: interpreter(), preload: ["bench_commands"], path: [pythonFolder] },
  });
  const options = { timeoutMs: 30_000 };
  return {
    name: "ours",
    add: (a, b) => bridge.execute("add", { a, b }, options) as Promise<number>,
    count: (chunks) => bridge.stream("count", { chunks }, options),
    [Symbol.asyncDispose]: () => bridge.close({ graceMs: 1_000 }),
  };
}

/** The pool on its own: a worker inside this process answers, so what is left is the pool's cost. */
export async function openPoolAlone(name = "ours", telemetry = true): Promise<Contestant> {
  const adapter = fakeAdapter({
    concurrency: 256,
    handlers: {
      add: (args) => {
        const { a, b } = args as { a: number; b: number };
        return a + b;
      },
    },
  });
  const pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 1, telemetry });
  const options = { timeoutMs: 30_000 };
  return {
    name,
    add: (a, b) => pool.execute("add", { a, b }, options) as Promise<number>,
    [Symbol.asyncDispose]: () => pool.close({ graceMs: 1_000 }),
  };
}
