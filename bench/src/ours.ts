import { createPool, type Session } from "snakepit";
import { fakeAdapter } from "snakepit/testing";
import { type Bridge, createBridge, Tensor } from "snakepit-grpc-bridge";
import type { Contestant } from "./contestant.ts";
import { connectOneMore, startOneMore } from "./one-more-worker.ts";
import { interpreter, pythonFolder } from "./python-process.ts";

interface Setting {
  readonly name?: string;
  readonly workers?: number;
  readonly transport?: "socket" | "grpc";
  readonly preload?: string;
}

const callOptions = { timeoutMs: 30_000 };

/** The whole stack, as a user has it: pool, workers, and a deadline on every call. */
export async function openOurs(setting: Setting = {}): Promise<Contestant> {
  const bridge = await openBridge(setting);
  return {
    name: setting.name ?? "ours",
    add: (a, b) => bridge.execute("add", { a, b }, callOptions) as Promise<number>,
    count: (chunks) => bridge.stream("count", { chunks }, callOptions),
    classify: (row) =>
      bridge.execute("classify", { row }, callOptions) as Promise<{ label: number }>,
    echo: async (data) => {
      const array = new Tensor({ dtype: "float32", shape: [data.length], data });
      return ((await bridge.execute("echo_array", { array }, callOptions)) as Tensor).data;
    },
    check: () => check(bridge),
    connect: () => connectOneMore(bridge.pool),
    start: () => startOneMore(bridge.pool),
    crash: () => crash(bridge),
    [Symbol.asyncDispose]: () => bridge.close({ graceMs: 1_000 }),
  };
}

/** Each call in the next of so many sessions, one for each worker. */
export async function openOurSessions(workers: number): Promise<Contestant> {
  const bridge = await openBridge({ workers });
  const sessions = Array.from({ length: workers }, (_, n) => bridge.pool.session(`user_${n}`));
  return {
    name: "ours",
    add: (a, b) => {
      const session = sessions[a % workers] as Session;
      return session.execute("add", { a, b }, callOptions) as Promise<number>;
    },
    [Symbol.asyncDispose]: () => bridge.close({ graceMs: 1_000 }),
  };
}

function openBridge({ workers = 1, transport = "socket", preload }: Setting): Promise<Bridge> {
  return createBridge({
    minWorkers: workers,
    maxWorkers: workers,
    transport,
    python: {
      executable: interpreter(),
      preload: [preload ?? "bench_commands"],
      path: [pythonFolder],
    },
  });
}

async function check({ pool }: Bridge): Promise<void> {
  const { status } = await pool.health();
  if (status !== "healthy") throw new Error(`the pool is ${status}`);
}

function crash({ pool }: Bridge): void {
  for (const { pid } of pool.workers()) if (pid !== undefined) process.kill(pid, "SIGKILL");
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
  return {
    name,
    add: (a, b) => pool.execute("add", { a, b }, callOptions) as Promise<number>,
    [Symbol.asyncDispose]: () => pool.close({ graceMs: 1_000 }),
  };
}
