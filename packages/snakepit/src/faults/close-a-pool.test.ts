import { rmSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { nextEvent } from "../fixtures/events.ts";
import { untilGone } from "../fixtures/processes.ts";
import { failure, kill, lightPool } from "../fixtures/real-pools.ts";
import { scratch } from "../fixtures/scratch.ts";
import { until } from "../fixtures/until.ts";

const notStarted = { code: "POOL_CLOSED", outcome: "not-started" };

test("a pool can be closed while its workers start", async () => {
  using directory = scratch();
  const gate = directory.file("gate");
  writeFileSync(gate, "");
  await using real = await lightPool({ env: { BLOCKED: gate }, minWorkers: 0, maxWorkers: 2 });
  const { pool, launched } = real;
  const calls = [1, 2, 3].map((n) => failure(pool.execute("echo", n)));
  await until(() => launched.length === 2);
  await pool.close({ graceMs: 0 });
  for (const error of await Promise.all(calls)) expect(error).toMatchObject(notStarted);
  await untilGone(launched);
});

test("closing while workers start lets the calls that wait for them be answered within the grace", async () => {
  using directory = scratch();
  const gate = directory.file("gate");
  writeFileSync(gate, "");
  await using real = await lightPool({ env: { BLOCKED: gate }, minWorkers: 0, maxWorkers: 1 });
  const { pool, launched } = real;
  const call = pool.execute("echo", "in time");
  await until(() => launched.length === 1);
  const closed = pool.close({ graceMs: 20_000 });
  rmSync(gate);
  expect(await call).toBe("in time");
  await closed;
  await untilGone(launched);
});

test("a pool can be closed while it works: what runs is told, what waits was never sent", async () => {
  await using real = await lightPool();
  const { pool, launched } = real;
  const running = [1, 2].map(() => failure(pool.execute("sleep", 1_000)));
  const waiting = failure(pool.execute("echo", 1));
  await pool.close({ graceMs: 0 });
  for (const error of await Promise.all(running))
    expect(error).toMatchObject({ code: "CANCELLED", outcome: "unknown" });
  expect(await waiting).toMatchObject(notStarted);
  expect(await failure(pool.execute("echo", 1))).toMatchObject(notStarted);
  await untilGone(launched);
});

test("a stream that runs when its pool closes ends with an error, after its chunks", async () => {
  await using real = await lightPool();
  const { pool, launched } = real;
  const chunks: unknown[] = [];
  const reading = (async () => {
    for await (const chunk of pool.stream("count", 100_000)) {
      chunks.push(chunk);
      if (chunks.length === 5) void pool.close({ graceMs: 0 });
    }
  })();
  expect(await failure(reading)).toMatchObject({ code: "CANCELLED", outcome: "unknown" });
  expect(chunks).toEqual(chunks.map((_, index) => index + 1));
  await pool.close();
  await untilGone(launched);
});

test("a pool can be closed while its workers crash", async () => {
  using directory = scratch();
  const cause = directory.file("cause");
  await using real = await lightPool({ env: { BROKEN: cause } });
  const { pool, launched } = real;
  writeFileSync(cause, "");
  const failed = nextEvent(pool, "worker-start-failed");
  kill(real.pids());
  await failed;
  await until(() => pool.stats().workers.ready === 0);
  const call = failure(pool.execute("echo", 1));
  await pool.close({ graceMs: 0 });
  expect(await call).toMatchObject(notStarted);
  const started = launched.length;
  await new Promise((resolve) => setTimeout(resolve, 300)); // the next start would have been due
  expect(launched).toHaveLength(started);
  await untilGone(launched);
});

test("a pool can be closed while one of its workers is being killed", async () => {
  await using real = await lightPool({ minWorkers: 3 });
  const { pool, launched } = real;
  const calls = [1, 2, 3].map(() => failure(pool.execute("sleep", 1_000)));
  kill(real.pids());
  const closed = pool.close({ graceMs: 0 });
  for (const error of await Promise.all(calls))
    expect(["CANCELLED", "WORKER_EXITED"]).toContain((error as { code: string }).code);
  await closed;
  await untilGone(launched);
});

test("closing a pool that restarts ends both generations of workers", async () => {
  using directory = scratch();
  const gate = directory.file("gate");
  await using real = await lightPool({ env: { BLOCKED: gate } });
  const { pool, launched } = real;
  writeFileSync(gate, "");
  const restarted = failure(pool.restart());
  await until(() => launched.length > 2);
  await pool.close({ graceMs: 0 });
  expect(await restarted).toBeInstanceOf(Error);
  await untilGone(launched);
});

test("closing twice is closing once, also with less patience", async () => {
  await using real = await lightPool();
  const { pool, launched } = real;
  const call = pool.execute("sleep", 0.2);
  const first = pool.close();
  const second = pool.close({ graceMs: 0 });
  expect(second).toBe(first);
  expect(real.launched).toContain(await call);
  await first;
  expect(pool.close()).toBe(first);
  await untilGone(launched);
});
