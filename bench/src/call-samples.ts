import { setImmediate as nextTurn } from "node:timers/promises";
import { type Contestant, chunkLength } from "./contestant.ts";
import { percentile } from "./statistics.ts";
import { type Sample, timed } from "./timed.ts";

/** Calls per second with `inFlight` callers, each of which calls again as soon as it is answered. */
export async function callRate(
  contestant: Contestant,
  inFlight: number,
  durationMs: number,
): Promise<Sample> {
  const add = adderOf(contestant);
  return timed(async () => {
    const endMs = performance.now() + durationMs;
    let calls = 0;
    let isOver = false;
    const caller = async () => {
      while (!isOver) {
        const a = calls++;
        if (a % 64 === 0 && performance.now() >= endMs) isOver = true;
        if ((await add(a, 2)) !== a + 2) throw new Error(`${contestant.name} cannot add`);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, caller));
    return { operations: calls, values: (elapsedMs) => ({ rate: (calls / elapsedMs) * 1_000 }) };
  });
}

/**
 * Calls per second of callers out of step: before its next call each waits for one to four turns of
 * the event loop, which stands for the work that callers do between their calls.
 */
export async function outOfStepRate(
  contestant: Contestant,
  inFlight: number,
  durationMs: number,
): Promise<Sample> {
  const add = adderOf(contestant);
  return closedLoop(inFlight, durationMs, async (call) => {
    // A multiplicative hash, so that neighbours wait for different lengths and runs are alike.
    const turns = 1 + (Math.imul(call, 0x9e3779b1) >>> 30);
    for (let turn = 0; turn < turns; turn++) await nextTurn();
    if ((await add(call, 2)) !== call + 2) throw new Error(`${contestant.name} cannot add`);
  });
}

/** One row through the model for each call. The class of each row is known and compared. */
export async function inferenceRate(
  { name, classify }: Contestant,
  inFlight: number,
  durationMs: number,
): Promise<Sample> {
  if (classify === undefined) throw new Error(`${name} has no model`);
  return closedLoop(inFlight, durationMs, async (call) => {
    const { row, label } = labelledRows[call % labelledRows.length] as LabelledRow;
    if ((await classify(row)).label !== label) throw new Error(`${name} cannot classify`);
  });
}

interface LabelledRow {
  readonly row: readonly number[];
  readonly label: number;
}

/** As in `bench_model.py`: class 1 if the first two have one sign. Not so small as to be doubtful. */
const labelledRows: readonly LabelledRow[] = Array.from({ length: 64 }, (_, n) => {
  const row = Array.from({ length: 8 }, (_, column) => Math.sin(n * 8 + column));
  row[0] = n % 2 === 0 ? 0.7 : -0.7;
  row[1] = n % 4 < 2 ? 0.8 : -0.8;
  return { row, label: row[0] * row[1] > 0 ? 1 : 0 };
});

async function closedLoop(
  inFlight: number,
  durationMs: number,
  step: (call: number) => Promise<void>,
): Promise<Sample> {
  return timed(async () => {
    const endMs = performance.now() + durationMs;
    let calls = 0;
    let isOver = false;
    const caller = async () => {
      while (!isOver) {
        const call = calls++;
        if (call % 64 === 0 && performance.now() >= endMs) isOver = true;
        await step(call);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, caller));
    return { operations: calls, values: (elapsedMs) => ({ rate: (calls / elapsedMs) * 1_000 }) };
  });
}

/** How long one call takes when it is alone: the median and the 99th percentile, in µs. */
export async function callLatency(contestant: Contestant, durationMs: number): Promise<Sample> {
  const add = adderOf(contestant);
  return timed(async () => {
    const latencies: number[] = [];
    let nowMs = performance.now();
    const endMs = nowMs + durationMs;
    while (nowMs < endMs) {
      const startMs = nowMs;
      if ((await add(latencies.length, 2)) !== latencies.length + 2) {
        throw new Error(`${contestant.name} cannot add`);
      }
      nowMs = performance.now();
      latencies.push((nowMs - startMs) * 1_000);
    }
    const sorted = Float64Array.from(latencies).sort();
    return {
      operations: latencies.length,
      values: () => ({ p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) }),
    };
  });
}

/** Chunks per second of long streams, read one after another. */
export async function chunkRate(contestant: Contestant, durationMs: number): Promise<Sample> {
  const count = counterOf(contestant);
  return timed(async () => {
    const endMs = performance.now() + durationMs;
    let chunks = 0;
    // Streams as long as half of the time left, going by the first: the last one ends about then.
    let length = 2_000;
    while (performance.now() < endMs) {
      const startMs = performance.now();
      chunks += await readAll(contestant, count(length), length);
      const tookMs = performance.now() - startMs;
      const leftMs = endMs - performance.now();
      length = Math.max(2_000, Math.min(500_000, Math.round((length / tookMs) * leftMs * 0.5)));
    }
    return { operations: chunks, values: (elapsedMs) => ({ rate: (chunks / elapsedMs) * 1_000 }) };
  });
}

/** From opening a stream to its first chunk, the median in ms. The stream goes on for a while. */
export async function firstChunk(contestant: Contestant, durationMs: number): Promise<Sample> {
  const count = counterOf(contestant);
  return timed(async () => {
    const endMs = performance.now() + durationMs;
    const firsts: number[] = [];
    while (performance.now() < endMs) {
      const startMs = performance.now();
      let isFirst = true;
      for await (const _ of count(200)) {
        if (isFirst) firsts.push(performance.now() - startMs);
        isFirst = false;
      }
    }
    firsts.sort((a, b) => a - b);
    return { operations: firsts.length, values: () => ({ first: percentile(firsts, 0.5) }) };
  });
}

async function readAll(
  { name }: Contestant,
  stream: AsyncIterable<unknown>,
  length: number,
): Promise<number> {
  let chunks = 0;
  let last: unknown;
  for await (const chunk of stream) {
    chunks++;
    last = chunk;
  }
  const text = typeof last === "string" ? last : (last as { text?: string } | undefined)?.text;
  if (chunks !== length || text?.length !== chunkLength) throw new Error(`${name} cannot count`);
  return chunks;
}

function adderOf({ name, add }: Contestant) {
  if (add === undefined) throw new Error(`${name} makes no calls`);
  return add;
}

function counterOf({ name, count }: Contestant) {
  if (count === undefined) throw new Error(`${name} has no streams`);
  return count;
}
