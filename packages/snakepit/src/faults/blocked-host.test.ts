import { expect, test } from "vitest";
import { nextEvent, recorded } from "../fixtures/events.ts";
import { faultyPool, lightPool } from "../fixtures/real-pools.ts";

function block(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

/** Everything that was waiting while the host was blocked has been heard after this. */
function turns(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

// Far below the two seconds, and far above what a busy machine lets a worker wait.
const heartbeats = { heartbeatMs: 150, hungMs: 600, hungKillMs: 0 };

test("a host that is blocked for two seconds declares none of its workers dead", async () => {
  await using real = await lightPool({ ...heartbeats, minWorkers: 4 });
  const { pool } = real;
  const before = real.pids();
  const events = recorded(pool);
  const running = pool.execute("sleep", 0.3);
  block(2_000);
  expect(before).toContain(await running);
  await turns(1_000);
  expect(events.map(({ name }) => name)).not.toContain("worker-stopped");
  expect(real.pids()).toEqual(before);
});

test("nor does it call a worker deaf that confirmed a cancel meanwhile", async () => {
  await using real = await faultyPool({ cancelGraceMs: 300 });
  const { pool } = real;
  const before = real.pids();
  const cancel = new AbortController();
  const running = pool.execute("work", { name: "cancelled", stopMs: 100 }, cancel);
  running.catch(() => {});
  await nextEvent(pool, "worker-log"); // it has begun
  cancel.abort(new Error("changed my mind"));
  await new Promise(setImmediate); // the cancel leaves
  block(1_000);
  await expect(running).rejects.toThrow("changed my mind");
  expect(await pool.execute("echo", "well")).toBe("well");
  expect(real.pids()).toEqual(before);
});
