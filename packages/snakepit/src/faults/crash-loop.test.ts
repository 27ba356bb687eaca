import { rmSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { nextEvent } from "../fixtures/events.ts";
import { fastClock } from "../fixtures/fast-clock.ts";
import { failure, kill, lightPool } from "../fixtures/real-pools.ts";
import { scratch } from "../fixtures/scratch.ts";
import { until } from "../fixtures/until.ts";

// Five crashes in 10 s are a crash loop, and one start every 10 s asks whether it is over. Here
// such a second takes 50 ms.
const clock = fastClock(20);

test("workers that die as they start degrade the pool: callers are told why and when to come back", async () => {
  using directory = scratch();
  const cause = directory.file("cause");
  await using real = await lightPool({ env: { BROKEN: cause }, clock });
  const { pool, launched } = real;
  writeFileSync(cause, "the licence has expired\n");
  const degraded = nextEvent(pool, "pool-degraded");
  kill(real.pids());
  await until(() => pool.stats().workers.ready === 0);
  const waiting = failure(pool.execute("echo", "while it goes wrong"));
  const told = {
    code: "POOL_DEGRADED",
    outcome: "not-started",
    message: expect.stringContaining("the licence has expired"),
    details: {
      reason: "crash-loop",
      retryAfterMs: expect.any(Number),
      stderr: "the licence has expired\n",
    },
  };
  expect((await degraded).error).toMatchObject(told);
  expect(await waiting).toMatchObject(told);
  const error = await failure(pool.execute("echo", "later"));
  expect(error).toMatchObject(told);
  const { retryAfterMs } = (error as { details: { retryAfterMs: number } }).details;
  expect(retryAfterMs).toBeGreaterThan(0);
  expect(retryAfterMs).toBeLessThanOrEqual(10_000);

  // Two that served, and a few starts until it was clear; then one each 10 s.
  const before = launched.length;
  expect(before).toBeLessThanOrEqual(2 + 5);
  const fromMs = clock.now();
  await nextEvent(pool, "worker-start-failed");
  await nextEvent(pool, "worker-start-failed");
  expect(launched.length).toBe(before + 2);
  expect(clock.now() - fromMs).toBeGreaterThan(10_000);

  const recovered = nextEvent(pool, "pool-recovered");
  const ready = nextEvent(pool, "worker-ready");
  rmSync(cause);
  await ready;
  expect(await pool.execute("echo", "mended")).toBe("mended");
  await recovered;
  await real.untilReady(2);
});

test("a pool whose first workers all die does not come up, and says what they said", async () => {
  using directory = scratch();
  const cause = directory.file("cause");
  writeFileSync(cause, "no such model\n");
  expect(await failure(lightPool({ env: { BROKEN: cause } }))).toMatchObject({
    code: "WORKER_START_FAILED",
    outcome: "not-started",
    message: expect.stringMatching(/exited with code 3[\s\S]*no such model/),
    details: { reason: "exited", exitCode: 3, stderr: "no such model\n" },
  });
});
