import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { kill, lightPool, load, type RealPool } from "../fixtures/real-pools.ts";

const STORM_MS = 1_500;
const WORKERS = 8;

/** Kills two workers every 25 ms. Returns the ids of all that were killed. */
async function storm({ pool }: RealPool): Promise<Set<string>> {
  const killed = new Set<string>();
  const endMs = performance.now() + STORM_MS;
  for (let round = 0; performance.now() < endMs; round++) {
    const alive = pool.workers().filter(({ id, state }) => state === "ready" && !killed.has(id));
    for (const victim of [alive[round % alive.length], alive[(3 * round + 1) % alive.length]]) {
      if (victim === undefined || killed.has(victim.id)) continue;
      killed.add(victim.id);
      kill([victim.pid]);
    }
    await delay(25);
  }
  return killed;
}

test("in a storm that kills two of eight workers every 25 ms, only calls on a killed worker fail, and no idempotent one", async () => {
  await using real = await lightPool({ minWorkers: WORKERS });
  const { pool } = real;
  await using calls = load(pool, 8, { command: "sleep", args: 0.01 });
  await using idempotent = load(pool, 8, {
    command: "sleep",
    args: 0.01,
    options: { idempotent: true },
  });
  const killed = await storm(real);
  expect(killed.size).toBeGreaterThan(16);
  await real.untilReady(WORKERS);
  expect(calls.succeeded).toBeGreaterThan(0);
  expect(idempotent.succeeded).toBeGreaterThan(0);
  expect(idempotent.failures).toEqual([]);
  for (const error of calls.failures) {
    expect(error).toMatchObject({
      code: "WORKER_EXITED",
      outcome: "unknown",
      details: { signal: "SIGKILL", cause: "signal" },
    });
    expect(killed).toContain((error as { details: { workerId: string } }).details.workerId);
  }
  expect(calls.failures.length).toBeGreaterThan(0);
  expect(calls.failures.length).toBeLessThanOrEqual(killed.size);
});
