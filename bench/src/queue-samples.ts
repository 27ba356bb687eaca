import type { Contestant, Queue } from "./contestant.ts";
import { heldBytes } from "./memory.ts";
import type { Sample } from "./timed.ts";

/** Short queues are filled and emptied so often that all contestants have as many calls. */
const callsInAll = 100_000;

/**
 * What a call costs that waits: µs in and out of the queue, bytes while it is in it, and µs when
 * its caller aborts it there. Where each is the same for every length, the queue is linear.
 */
export async function queueCosts({ name, queue }: Contestant): Promise<Sample> {
  if (queue === undefined) throw new Error(`${name} has no queue`);
  const times = Math.max(1, Math.round(callsInAll / queue.length));
  return {
    values: {
      through: await meanOf(times, queue.length, () => throughMs(queue)),
      cancel: await meanOf(times, queue.length, () => cancelMs(queue)),
      bytes: await waitingBytes(queue),
    },
    cpu: undefined,
  };
}

/** µs per call. Every series starts from the same heap, whatever the one before has left. */
async function meanOf(times: number, calls: number, runMs: () => Promise<number>): Promise<number> {
  heldBytes();
  let totalMs = 0;
  for (let time = 0; time < times; time++) totalMs += await runMs();
  return (totalMs * 1_000) / (times * calls);
}

async function throughMs(queue: Queue): Promise<number> {
  const release = await queue.occupy();
  const startMs = performance.now();
  const answers = fill(queue);
  release();
  await Promise.all(answers);
  return performance.now() - startMs;
}

/** Each call has its own signal: an `AbortSignal` of Node compares a new listener with all others. */
async function cancelMs(queue: Queue): Promise<number> {
  const release = await queue.occupy();
  const controllers = Array.from({ length: queue.length }, () => new AbortController());
  const answers = controllers.map(({ signal }) => queue.call(signal));
  const reason = new Error("no longer wanted"); // one for all: making them would be measured too
  const startMs = performance.now();
  for (const controller of controllers) controller.abort(reason);
  const settled = await Promise.allSettled(answers);
  const elapsedMs = performance.now() - startMs;
  release();
  if (settled.some(({ status }) => status === "fulfilled")) throw new Error("nothing was to run");
  return elapsedMs;
}

async function waitingBytes(queue: Queue): Promise<number> {
  const release = await queue.occupy();
  const before = heldBytes();
  const answers = fill(queue);
  const held = heldBytes() - before;
  release();
  await Promise.all(answers);
  return held / queue.length;
}

function fill(queue: Queue): Promise<unknown>[] {
  return Array.from({ length: queue.length }, () => queue.call());
}
