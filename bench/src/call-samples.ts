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
