import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Pool } from "snakepit";
import type { IdleWorkers, OpenConnection } from "./contestant.ts";

/** Node tells here of each connection that a server of this process takes. */
const CONNECTIONS = "net.server.socket";

/** A second worker; the process that it is forked from runs already. */
export async function startOneMore(pool: Pool): Promise<IdleWorkers> {
  const ready = nextEvent(pool, "worker-ready");
  await pool.resize({ minWorkers: 2, maxWorkers: 2 });
  await ready;
  return {
    pids: pool.workers().flatMap(({ pid }) => pid ?? []),
    [Symbol.asyncDispose]: async () => {
      const stopped = nextEvent(pool, "worker-stopped");
      await pool.resize({ minWorkers: 1, maxWorkers: 1 });
      await stopped;
    },
  };
}

/**
 * The same; what counts is from the arrival of the connection for its frames until it is ready for
 * calls. The one for its output comes before that.
 */
export async function connectOneMore(pool: Pool): Promise<OpenConnection> {
  let dialledMs: number | undefined;
  const listener = () => {
    dialledMs = performance.now();
  };
  subscribe(CONNECTIONS, listener);
  try {
    const ready = nextEvent(pool, "worker-ready").then(() => performance.now());
    const worker = await startOneMore(pool);
    if (dialledMs === undefined) throw new Error("the worker came without a connection");
    const connectMs = (await ready) - dialledMs;
    return { connectMs, [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose]() };
  } finally {
    unsubscribe(CONNECTIONS, listener);
  }
}

function nextEvent(pool: Pool, name: "worker-ready" | "worker-stopped"): Promise<void> {
  return new Promise((resolve) => {
    const listening = pool.on(name, () => {
      listening[Symbol.dispose]();
      resolve();
    });
  });
}
