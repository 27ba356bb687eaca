import type { Bridge } from "snakepit-grpc-bridge";
import { expect, test } from "vitest";
import { testBridge } from "./workspace.ts";

const lanes = 60;

/** Mulberry32: the same storm every time, up to what the machine makes of it. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How calls of one storm ended; `wrong` is for people to read when it is not empty. */
interface Tally {
  answered: number;
  gone: number;
  wrong: string[];
}

const calls = ["", "_context", "_async", "_slow", "_uneven", "_block"];
const streams = ["_chunks", "_chunks_async"];

async function call(bridge: Bridge, value: string, roll: () => number, options: object) {
  const command = `e2e.payload${calls[Math.floor(roll() * calls.length)]}`;
  const seconds = roll() < 0.02 ? 0.005 : 0;
  const args = command.endsWith("_uneven") ? { value, seconds } : { value };
  const answer = await bridge.execute(command, args, options);
  return answer === value ? undefined : `${command} of ${value} was answered by ${answer}`;
}

async function stream(bridge: Bridge, value: string, roll: () => number, options: object) {
  const command = `e2e.payload${streams[Math.floor(roll() * streams.length)]}`;
  const n = Math.floor(roll() * 20);
  const leaveAt = roll() < 0.1 ? Math.floor(n / 2) : n;
  let next = 0;
  for await (const chunk of bridge.stream(command, { value, n }, options)) {
    if (chunk !== `${value}#${next++}`) return `${command} of ${value} produced ${chunk}`;
    if (next > leaveAt) return undefined;
  }
  return next === n ? undefined : `${command} of ${value} ended after ${next} of ${n} chunks`;
}

async function lane(
  bridge: Bridge,
  name: string,
  callsToMake: number,
  tally: Tally,
  roll: () => number,
) {
  for (let n = 0; n < callsToMake; n++) {
    const cancel = new AbortController();
    const options = {
      signal: cancel.signal,
      ...(roll() < 0.15 ? { timeoutMs: 1 + Math.floor(roll() * 10) } : {}),
    };
    const when = roll();
    const timer = when < 0.25 ? setTimeout(() => cancel.abort(), roll() * 6) : undefined;
    if (when > 0.95) queueMicrotask(() => cancel.abort());
    const kind = roll() < 0.2 ? stream : call;
    try {
      const wrong = await kind(bridge, `${name}:${n}`, roll, options);
      if (wrong !== undefined) tally.wrong.push(wrong);
      tally.answered++;
    } catch (error) {
      const { name: kindOfError, code } = error as { name?: string; code?: string };
      if (kindOfError === "AbortError" || code === "TIMEOUT") tally.gone++;
      else tally.wrong.push(`${name}:${n} failed: ${error}`);
    }
    clearTimeout(timer);
  }
}

for (const [setting, concurrency, callsPerLane] of [
  ["many slots", 64, 200],
  ["three slots", 3, 100],
  ["one slot", 1, 50],
] as const) {
  test(`in a storm of aborts and deadlines every answer is its own call's: ${setting}`, async () => {
    const bridge = await testBridge({ python: { concurrency } });
    const pid = await bridge.execute("e2e.pid");
    const tally: Tally = { answered: 0, gone: 0, wrong: [] };
    const roll = dice(concurrency);
    await Promise.all(
      Array.from({ length: lanes }, (_, name) =>
        lane(bridge, `${name}`, callsPerLane, tally, roll),
      ),
    );
    expect(tally.wrong.slice(0, 5)).toEqual([]);
    expect(tally.answered + tally.gone).toBe(lanes * callsPerLane);
    // However slow the machine: many are left alone, and some are aborted as they are made.
    const most = lanes * callsPerLane;
    expect(tally.answered).toBeGreaterThan(most / 2);
    expect(tally.gone).toBeGreaterThan(most / 50);
    // One more in line behind what the last cancels left running.
    expect(await bridge.execute("e2e.pid")).toBe(pid);
    await settled(bridge);
    expect(bridge.pool.stats()).toMatchObject({ running: 0, queued: 0 });
    expect(bridge.pool.workers()).toMatchObject([{ state: "ready", load: 0 }]);
    expect(await bridge.execute("e2e.pid")).toBe(pid);
  });
}

/** A cancelled call holds its slot until its worker has answered. */
async function settled(bridge: Bridge): Promise<void> {
  while (bridge.pool.workers().some(({ load }) => load > 0))
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
}
