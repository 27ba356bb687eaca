import { expect, test } from "vitest";
import { recorded } from "../fixtures/events.ts";
import { lightPool, load } from "../fixtures/real-pools.ts";
import { until } from "../fixtures/until.ts";

const LANES = 16;
const MiB = 2 ** 20;

test("every worker is replaced under load from 16 callers, and no call fails", async () => {
  await using real = await lightPool({ minWorkers: 4 });
  const { pool } = real;
  const before = real.pids();
  const ids = pool.workers().map(({ id }) => id);
  await using calls = load(pool, LANES, { command: "sleep", args: 0.01 });
  await until(() => calls.succeeded > 50);
  const { replaced, left } = await pool.restart();
  expect([...replaced].sort()).toEqual(ids.sort());
  expect(left).toEqual([]);
  await real.untilReady(4);
  const after = calls.succeeded;
  await until(() => calls.succeeded > after + 50);
  expect(real.pids().filter((pid) => before.includes(pid))).toEqual([]);
  expect(real.pids()).toHaveLength(4);
  expect(calls.failures).toEqual([]);
});

test("workers are replaced after their calls under load, and no call fails", async () => {
  await using real = await lightPool({ maxCalls: 40 });
  const { pool, launched } = real;
  const events = recorded(pool);
  await using calls = load(pool, LANES, { command: "sleep", args: 0.005 });
  await until(() => launched.length >= 8);
  expect(calls.failures).toEqual([]);
  const stops = events.filter((event) => event.name === "worker-stopped");
  expect(stops.length).toBeGreaterThan(0);
  for (const stop of stops) expect(stop).toMatchObject({ reason: "max-calls", lostCalls: 0 });
});

test("a worker that keeps too much memory is replaced under load, and no call fails", async () => {
  await using real = await lightPool({ memoryBytes: 60 * MiB });
  const { pool } = real;
  const before = real.pids();
  const events = recorded(pool);
  await using calls = load(pool, LANES, { command: "sleep", args: 0.01 });
  await Promise.all([1, 2].map(() => pool.execute("grow", 48 * MiB)));
  const grown = pool.workers().filter(({ calls }) => calls > 0);
  expect(grown.length).toBeGreaterThan(0);
  await until(() => events.some(({ name }) => name === "worker-stopped"));
  await real.untilReady(2);
  expect(calls.failures).toEqual([]);
  for (const stop of events.filter((event) => event.name === "worker-stopped"))
    expect(stop).toMatchObject({ reason: "memory", lostCalls: 0, cause: "stopped" });
  expect(real.pids()).not.toEqual(before);
});
