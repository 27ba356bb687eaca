import { readdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { SnakepitError } from "../errors.ts";
import { heldBytes } from "../fixtures/held-bytes.ts";
import { kill, lightPool, type RealPool } from "../fixtures/real-pools.ts";
import { until } from "../fixtures/until.ts";
import type { Pool } from "../pool.ts";

const SECONDS = Number(process.env["SNAKEPIT_SOAK_SECONDS"] ?? 20);
const ROUNDS = 8;
const MiB = 2 ** 20;

/** What this process holds on to when nothing runs. */
interface Holdings {
  readonly heldBytes: number;
  readonly descriptors: number;
  readonly listeners: number;
  readonly timers: number;
}

async function holdings(): Promise<Holdings> {
  const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout");
  return {
    heldBytes: await heldBytes(),
    descriptors: readdirSync("/proc/self/fd").length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    timers: timers.length,
  };
}

type Deed = (pool: Pool) => Promise<unknown>;

const deeds: readonly Deed[] = [
  (pool) => pool.execute("echo", { some: "arguments" }),
  (pool) => pool.execute("echo", 1, { idempotent: true, timeoutMs: 5_000 }),
  (pool) => pool.session("ada").execute("pid", {}, { affinity: "prefer" }),
  (pool) => pool.execute("sleep", 0.02, { timeoutMs: 10 }),
  (pool) => pool.execute("sleep", 0.01, { signal: AbortSignal.timeout(5) }),
  async (pool) => {
    for await (const _ of pool.stream("count", 3));
  },
  async (pool) => {
    for await (const _ of pool.stream("count", 5)) break;
  },
];

/** Mixed calls and a few kills. Returns how many calls were answered. */
async function round({ pool }: RealPool, ms: number): Promise<number> {
  const endMs = performance.now() + ms;
  let answered = 0;
  const lane = async (first: number) => {
    for (let n = first; performance.now() < endMs; n++) {
      try {
        await deeds[n % deeds.length]?.(pool);
        answered++;
      } catch (error) {
        expect(isExpected(error), String(error)).toBe(true);
      }
      await delay(2);
    }
  };
  const killer = async () => {
    for (let n = 0; performance.now() < endMs; n++) {
      await delay(400);
      kill([pool.workers()[n % 3]?.pid]);
    }
  };
  await Promise.all([killer(), ...[0, 1, 2, 3, 4, 5].map(lane)]);
  return answered;
}

function isExpected(error: unknown): boolean {
  if (SnakepitError.is(error, "TIMEOUT") || SnakepitError.is(error, "WORKER_EXITED")) return true;
  return error instanceof DOMException && error.name === "TimeoutError"; // AbortSignal.timeout
}

test(`${SECONDS} s of calls, streams, aborts and kills leave nothing behind in the host`, {
  timeout: (SECONDS + 60) * 1_000,
}, async () => {
  const warnings: string[] = [];
  const warn = (warning: Error) => warnings.push(String(warning));
  process.on("warning", warn);
  const seen: Holdings[] = [];
  await using real = await lightPool({ minWorkers: 3 });
  let answered = 0;
  for (let n = 0; n < ROUNDS; n++) {
    answered += await round(real, (SECONDS * 1_000) / ROUNDS);
    await until(() => real.pool.stats().running === 0);
    await real.untilReady(3);
    seen.push(await holdings());
  }
  process.off("warning", warn);
  expect(warnings).toEqual([]);
  expect(answered).toBeGreaterThan(SECONDS * 10);
  // The first rounds fill caches and compile; of the others the least counts, the rest is noise.
  const early = least(seen.slice(1, 4));
  const late = least(seen.slice(-3));
  expect(late.heldBytes - early.heldBytes).toBeLessThan(4 * MiB);
  expect(late.descriptors - early.descriptors).toBeLessThanOrEqual(2);
  expect(late.listeners - early.listeners).toBeLessThanOrEqual(0);
  expect(late.timers - early.timers).toBeLessThanOrEqual(2);
});

function least(many: readonly Holdings[]): Holdings {
  const of = (name: keyof Holdings) => Math.min(...many.map((one) => one[name]));
  return {
    heldBytes: of("heldBytes"),
    descriptors: of("descriptors"),
    listeners: of("listeners"),
    timers: of("timers"),
  };
}
