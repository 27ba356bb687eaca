import { expect, test } from "vitest";
import { SnakepitError } from "../errors.ts";
import { lightPool } from "../fixtures/real-pools.ts";

const CALLS = 10_000;
const options = { minWorkers: 4, maxQueue: CALLS, callTimeoutMs: 120_000 };

test("10,000 calls that wait when the pool closes are all answered, and counted", async () => {
  await using real = await lightPool(options);
  const { pool } = real;
  const calls = Array.from({ length: CALLS }, (_, n) => pool.execute("echo", n));
  const closed = pool.close({ graceMs: 120_000 });
  expect(await Promise.all(calls)).toEqual(calls.map((_, n) => n));
  await closed;
  expect(pool.stats()).toMatchObject({ succeeded: CALLS, failed: 0, queued: 0, running: 0 });
});

test("without grace each of them still hears what became of it, and the counts add up", async () => {
  await using real = await lightPool(options);
  const { pool } = real;
  const outcomes = { answered: 0, closed: 0, cancelled: 0 };
  let some!: () => void;
  const someAnswered = new Promise<void>((resolve) => {
    some = resolve;
  });
  const calls = Array.from({ length: CALLS }, async (_, n) => {
    try {
      expect(await pool.execute("echo", n)).toBe(n);
      if (++outcomes.answered === 100) some();
    } catch (error) {
      if (SnakepitError.is(error, "POOL_CLOSED") && error.outcome === "not-started")
        outcomes.closed++;
      else if (SnakepitError.is(error, "CANCELLED") && error.outcome === "unknown")
        outcomes.cancelled++;
      else throw error;
    }
  });
  await someAnswered;
  await Promise.all([pool.close({ graceMs: 0 }), ...calls]);
  const { answered, closed, cancelled } = outcomes;
  expect(answered + closed + cancelled).toBe(CALLS);
  expect(closed).toBeGreaterThan(0);
  expect(cancelled).toBeLessThanOrEqual(4);
  expect(pool.stats()).toMatchObject({
    succeeded: answered,
    failed: closed + cancelled,
    queued: 0,
    running: 0,
  });
});
