/** Workers that end with something they all depended on: one mishap, however many they were. */
import { expect, test } from "vitest";
import { smallPool } from "./fixtures/small-pool.ts";
import { until } from "./fixtures/until.ts";
import type { WorkerExit } from "./launcher.ts";

const alone: WorkerExit = { kind: "lost", reason: "it vanished" };
const together: WorkerExit = { kind: "lost", reason: "its parent was killed", with: "parent-1" };

async function loseAll(exit: WorkerExit) {
  const one = await smallPool({ options: { minWorkers: 8, maxWorkers: 8 } });
  for (const id of one.adapter.workerIds()) one.adapter.kill(id, exit);
  await until(() => one.events.filter(({ name }) => name === "worker-stopped").length === 8);
  return one;
}

test("a pool whose workers all go with one thing starts others at once", async () => {
  await using one = await loseAll(together);
  expect(await one.pool.execute("echo", 1)).toBe(1);
  await until(() => one.pool.stats().workers.ready === 8);
});

test("a pool whose workers vanish one by one is in trouble", async () => {
  await using one = await loseAll(alone);
  await expect(one.pool.execute("echo", 1)).rejects.toMatchObject({ code: "POOL_DEGRADED" });
});

test("what kills every worker with its parent, again and again, is trouble all the same", async () => {
  await using one = await smallPool({ options: { minWorkers: 1, maxWorkers: 1 } });
  const names = () => one.events.map(({ name }) => name);
  for (let round = 0; !names().includes("pool-degraded"); round++) {
    expect(round).toBeLessThan(60);
    await until(() => one.adapter.workerIds().length > 0 || names().includes("pool-degraded"));
    for (const id of one.adapter.workerIds())
      one.adapter.kill(id, { ...together, with: `parent-${round}` } as WorkerExit);
  }
});

test("calls that were lost with it do not open the circuit", async () => {
  await using one = await smallPool({
    concurrency: 40,
    options: { circuit: { minCalls: 10 } },
  });
  const lose = async (exit: WorkerExit) => {
    const calls = Array.from({ length: 20 }, () => one.pool.execute("slow").catch(() => "lost"));
    await one.adapter.received("slow", 20);
    for (const id of one.adapter.workerIds()) one.adapter.kill(id, exit);
    expect(await Promise.all(calls)).toEqual(Array(20).fill("lost"));
  };
  await lose(together);
  expect(one.pool.stats().circuit).toBe("closed");
  expect(await one.pool.execute("echo", 1)).toBe(1);
});
