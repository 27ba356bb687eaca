import type { Contestant, Queue } from "./contestant.ts";
import { heldBytes } from "./memory.ts";
import type { Sample } from "./timed.ts";

/**
 * What a call costs that waits: µs in and out of the queue, bytes while it is in it, and µs when
 * its caller aborts it there. Where each is the same for every length, the queue is linear.
 */
export async function queueCosts(contestant: Contestant): Promise<Sample> {
  const queue = queueOf(contestant);
  return {
    values: {
      through: await meanUs(queue, 100_000, throughMs),
      cancel: await meanUs(queue, 100_000, cancelMs),
      bytes: await waitingBytes(queue),
    },
    cpu: undefined,
  };
}

/** µs per call of waiting with one signal for all, and of its abort. */
export async function sharedSignalCosts(contestant: Contestant): Promise<Sample> {
  const queue = queueOf(contestant);
  return { values: { shared: await meanUs(queue, 10_000, sharedMs) }, cpu: undefined };
}

/**
 * Per call. Short queues are filled and emptied until as many calls as of long ones have gone
 * through. Every series starts from the same heap, whatever the one before has left.
 */
async function meanUs(
  queue: Queue,
  callsInAll: number,
  runMs: (queue: Queue) => Promise<number>,
): Promise<number> {
  await heldBytes();
  let calls = 0;
  let totalMs = 0;
  while (calls < callsInAll) {
    totalMs += await runMs(queue);
    calls += queue.length;
  }
  return (totalMs * 1_000) / calls;
}

async function throughMs(queue: Queue): Promise<number> {
  const release = await queue.occupy();
  const startMs = performance.now();
  const answers = fill(queue);
  release();
  await Promise.all(answers);
  return performance.now() - startMs;
}

/** Each call has its own signal. Making the calls is not counted. */
async function cancelMs(queue: Queue): Promise<number> {
  const release = await queue.occupy();
  const controllers = Array.from({ length: queue.length }, () => new AbortController());
  const answers = controllers.map(({ signal }) => queue.call(signal));
  const reason = new Error("no longer wanted"); // one for all: making them would be measured too
  const startMs = performance.now();
  for (const controller of controllers) controller.abort(reason);
  await allRejected(answers);
  const elapsedMs = performance.now() - startMs;
  release();
  return elapsedMs;
}

/** As when a server gives the signal of one request to all that it calls. */
async function sharedMs(queue: Queue): Promise<number> {
  const release = await queue.occupy();
  const controller = new AbortController();
  const startMs = performance.now();
  const answers = fill(queue, controller.signal);
  controller.abort(new Error("no longer wanted"));
  await allRejected(answers);
  const elapsedMs = performance.now() - startMs;
  release();
  return elapsedMs;
}

async function allRejected(answers: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(answers);
  if (settled.some(({ status }) => status === "fulfilled")) throw new Error("nothing was to run");
}

async function waitingBytes(queue: Queue): Promise<number> {
  const release = await queue.occupy();
  const before = await heldBytes();
  const answers = fill(queue);
  const held = (await heldBytes()) - before;
  release();
  await Promise.all(answers);
  return held / queue.length;
}

function fill(queue: Queue, signal?: AbortSignal): Promise<unknown>[] {
  return Array.from({ length: queue.length }, () => queue.call(signal));
}

function queueOf({ name, queue }: Contestant): Queue {
  if (queue === undefined) throw new Error(`${name} has no queue`);
  return queue;
}
