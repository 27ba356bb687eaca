import type { Contestant, Queue } from "./contestant.ts";
import { heldBytes } from "./memory.ts";
import type { Sample } from "./timed.ts";

/**
 * What a call costs that waits: µs in and out of the queue, bytes while it is in it, and µs when
 * its caller aborts it there. Where each is the same for every length, the queue is linear. Nobody
 * waits for anything here, so processor time tells more than a clock on a machine that is shared.
 */
export async function queueCosts(contestant: Contestant): Promise<Sample> {
  const queue = queueOf(contestant);
  return {
    values: {
      through: await meanUs(queue, throughUs),
      cancel: await meanUs(queue, cancelUs),
      bytes: await waitingBytes(queue),
    },
    cpu: undefined,
  };
}

/** µs per call of waiting with one signal for all, and of its abort. */
export async function sharedSignalCosts(contestant: Contestant): Promise<Sample> {
  const queue = queueOf(contestant);
  return { values: { shared: await meanUs(queue, sharedUs) }, cpu: undefined };
}

/** Short queues are filled and emptied until so many calls have gone through. */
const leastCalls = 20_000;

/** Per call. Every series starts from the same heap, whatever the one before has left. */
async function meanUs(queue: Queue, runUs: (queue: Queue) => Promise<number>): Promise<number> {
  await heldBytes();
  let calls = 0;
  let totalUs = 0;
  while (calls < leastCalls) {
    totalUs += await runUs(queue);
    calls += queue.length;
  }
  return totalUs / calls;
}

async function throughUs(queue: Queue): Promise<number> {
  const release = await queue.occupy();
  const startUs = cpuUs();
  const answers = fill(queue);
  release();
  await Promise.all(answers);
  return cpuUs() - startUs;
}

/** Each call has its own signal. Making the calls is not counted. */
async function cancelUs(queue: Queue): Promise<number> {
  const release = await queue.occupy();
  const controllers = Array.from({ length: queue.length }, () => new AbortController());
  const answers = controllers.map(({ signal }) => queue.call(signal));
  const reason = new Error("no longer wanted"); // one for all: making them would be measured too
  const startUs = cpuUs();
  for (const controller of controllers) controller.abort(reason);
  await allRejected(answers);
  const usedUs = cpuUs() - startUs;
  release();
  return usedUs;
}

/** As when a server gives the signal of one request to all that it calls. */
async function sharedUs(queue: Queue): Promise<number> {
  const release = await queue.occupy();
  const controller = new AbortController();
  const startUs = cpuUs();
  const answers = fill(queue, controller.signal);
  controller.abort(new Error("no longer wanted"));
  await allRejected(answers);
  const usedUs = cpuUs() - startUs;
  release();
  return usedUs;
}

/** Used by this process so far, its garbage collection included. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
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
