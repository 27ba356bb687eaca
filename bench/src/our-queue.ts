import { createPool } from "snakepit";
import { fakeAdapter } from "snakepit/testing";
import type { Contestant } from "./contestant.ts";

/** So many calls in front of one worker inside this process: what is left is the queue's cost. */
export async function openQueue(name: string, length: number): Promise<Contestant> {
  let free = () => {};
  const adapter = fakeAdapter({
    handlers: {
      occupy: () =>
        new Promise<void>((resolve) => {
          free = resolve;
        }),
      echo: (args) => args,
    },
  });
  const pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 1, maxQueue: length });
  const deadline = { timeoutMs: 60_000 };
  let occupied = 0;
  return {
    name,
    queue: {
      length,
      async occupy() {
        // Its own end is of no interest: the calls behind it show that it came.
        void pool.execute("occupy", undefined, { timeoutMs: Number.POSITIVE_INFINITY });
        await adapter.received("occupy", ++occupied);
        return free;
      },
      call: (signal) =>
        pool.execute("echo", 1, signal === undefined ? deadline : { ...deadline, signal }),
    },
    [Symbol.asyncDispose]: () => pool.close({ graceMs: 0 }),
  };
}
