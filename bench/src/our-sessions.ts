import { createPool, type Session } from "snakepit";
import { fakeAdapter } from "snakepit/testing";
import type { Contestant } from "./contestant.ts";

/** As many as a small server has users at a time; each call belongs to the next one. */
const SESSIONS = 64;

/** The pool alone, each call in one of many sessions, whose store is in memory. */
export async function openSessionsAlone(): Promise<Contestant> {
  const adapter = fakeAdapter({
    concurrency: 256,
    handlers: {
      add: (args) => {
        const { a, b } = args as { a: number; b: number };
        return a + b;
      },
    },
  });
  const pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 1 });
  const sessions = Array.from({ length: SESSIONS }, (_, n) => pool.session(`user_${n}`));
  const options = { timeoutMs: 30_000 };
  return {
    name: "ours",
    add: (a, b) => {
      const session = sessions[a % SESSIONS] as Session;
      return session.execute("add", { a, b }, options) as Promise<number>;
    },
    [Symbol.asyncDispose]: () => pool.close({ graceMs: 1_000 }),
  };
}
