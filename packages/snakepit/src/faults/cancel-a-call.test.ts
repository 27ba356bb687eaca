import { expect, test } from "vitest";
import { nextEvent } from "../fixtures/events.ts";
import { failure, faultyPool } from "../fixtures/real-pools.ts";
import { until } from "../fixtures/until.ts";
import type { Pool } from "../pool.ts";

interface Seen {
  readonly started: readonly string[];
  readonly mostAtOnce: number;
}

async function seen(pool: Pool): Promise<Seen> {
  return (await pool.execute("seen")) as Seen;
}

const reason = new Error("changed my mind");

test("a call that is cancelled in the queue is answered at once and never reaches a worker", async () => {
  await using real = await faultyPool();
  const { pool } = real;
  const running = pool.execute("deaf", { name: "running", ms: 300 });
  const cancel = new AbortController();
  const waiting = failure(pool.execute("work", { name: "waiting" }, cancel));
  expect(pool.stats()).toMatchObject({ running: 1, queued: 1 });
  cancel.abort(reason);
  expect(await waiting).toBe(reason);
  expect(pool.stats()).toMatchObject({ running: 1, queued: 0, failed: 1 });
  expect(await running).toBe("running");
  expect((await seen(pool)).started).toEqual(["running"]);
});

test("a call that is cancelled while it runs is answered at once; its slot is free when the worker confirms", async () => {
  await using real = await faultyPool();
  const { pool } = real;
  const [pid] = real.pids();
  const cancel = new AbortController();
  const running = failure(pool.execute("work", { name: "cancelled", stopMs: 300 }, cancel));
  const next = pool.execute("seen");
  expect(await nextEvent(pool, "worker-log")).toMatchObject({ message: "begun cancelled" });
  cancel.abort(reason);
  expect(await running).toBe(reason);
  expect(pool.stats()).toMatchObject({ running: 1, queued: 1 });
  expect(await next).toMatchObject({ mostAtOnce: 1 });
  expect(real.pids()).toEqual([pid]);
});

test("a stream that is cancelled wakes its reader at once; its slot is free when the generator has ended", async () => {
  await using real = await faultyPool();
  const { pool } = real;
  const [pid] = real.pids();
  const cancel = new AbortController();
  const chunks: unknown[] = [];
  const reading = (async () => {
    for await (const chunk of pool.stream("tick", { name: "cancelled", stopMs: 300 }, cancel)) {
      chunks.push(chunk);
      if (chunks.length === 10) setImmediate(() => cancel.abort(reason)); // as the reader waits
    }
  })();
  const next = pool.execute("seen");
  expect(await failure(reading)).toBe(reason);
  expect(chunks).toEqual(chunks.map((_, index) => index));
  expect(pool.stats()).toMatchObject({ running: 1, queued: 1 });
  expect(await next).toMatchObject({ mostAtOnce: 1 });
  expect(real.pids()).toEqual([pid]);
});

test("whatever is cancelled and whenever, a worker with one slot never has two calls at once", async () => {
  await using real = await faultyPool({ minWorkers: 2, maxWorkers: 2, cancelGraceMs: 20_000 });
  const { pool } = real;
  const pids = real.pids().sort();
  const callers = Array.from({ length: 60 }, async (_, n) => {
    const cancel = new AbortController();
    const call = n % 3 === 0 ? read(pool, n, cancel) : work(pool, n, cancel);
    const answered = failure(call);
    // From "still in the queue" to "long on its way".
    await pool.execute("echo", n);
    for (let wait = 0; wait < n % 7; wait++) await new Promise(setImmediate);
    cancel.abort(reason);
    expect(await answered).toBe(reason);
  });
  await Promise.all(callers);
  await until(() => pool.stats().running === 0);
  const [one, other] = await Promise.all([seen(pool), seen(pool)]);
  expect(one.mostAtOnce).toBeLessThanOrEqual(1);
  expect(other.mostAtOnce).toBeLessThanOrEqual(1);
  expect(real.pids().sort()).toEqual(pids);
});

function work(pool: Pool, n: number, cancel: AbortController): Promise<unknown> {
  return pool.execute("work", { name: `work ${n}`, stopMs: n % 5 }, cancel);
}

async function read(pool: Pool, n: number, cancel: AbortController): Promise<void> {
  for await (const _ of pool.stream("tick", { name: `stream ${n}`, stopMs: n % 5 }, cancel));
}
