import { setImmediate as nextTurn } from "node:timers/promises";
import type { Contestant } from "./contestant.ts";
import { percentile } from "./statistics.ts";
import { type Sample, timed } from "./timed.ts";

/** Until one more connection is ready for calls, the median in ms; closing it is in the CPU time. */
export async function connectTime(contestant: Contestant, durationMs: number): Promise<Sample> {
  const { name, connect } = contestant;
  if (connect === undefined) throw new Error(`${name} connects to nothing`);
  return medianOf(durationMs, "connect", async () => {
    const connection = await connect();
    await connection[Symbol.asyncDispose]();
    return connection.connectMs;
  });
}

/** Until the other side has said that it is well, the median in ms. */
export async function checkTime(contestant: Contestant, durationMs: number): Promise<Sample> {
  const { name, check } = contestant;
  if (check === undefined) throw new Error(`${name} has no health check`);
  return medianOf(durationMs, "check", async () => {
    const startMs = performance.now();
    await check();
    return performance.now() - startMs;
  });
}

/** A caller that does not give up gets no answer for longer than this only if something is wrong. */
const LOST_MS = 20_000;

/** From the kill of the process until a caller that tries again and again is answered, in ms. */
export async function reconnectTime(contestant: Contestant): Promise<Sample> {
  const { name, add, crash } = contestant;
  if (add === undefined || crash === undefined) throw new Error(`${name} cannot be killed`);
  await add(1, 2);
  return timed(async () => {
    const startMs = performance.now();
    crash();
    while (!(await isAnswered(add))) {
      if (performance.now() - startMs > LOST_MS) throw new Error(`${name} did not come back`);
    }
    return { operations: 1, values: (elapsedMs) => ({ elapsed: elapsedMs }) };
  });
}

async function isAnswered(add: NonNullable<Contestant["add"]>): Promise<boolean> {
  try {
    return (await add(1, 2)) === 3;
  } catch {
    await nextTurn(); // what refuses at once must not keep the news of the next process away
    return false;
  }
}

async function medianOf(
  durationMs: number,
  value: string,
  once: () => Promise<number>,
): Promise<Sample> {
  return timed(async () => {
    const endMs = performance.now() + durationMs;
    const times: number[] = [];
    do times.push(await once());
    while (performance.now() < endMs);
    times.sort((a, b) => a - b);
    return { operations: times.length, values: () => ({ [value]: percentile(times, 0.5) }) };
  });
}
