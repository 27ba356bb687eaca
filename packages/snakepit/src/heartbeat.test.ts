import { expect, test } from "vitest";
import { createPool } from "./create-pool.ts";
import { nextEvent, recordedOfWorkers } from "./fixtures/events.ts";
import { gate } from "./fixtures/gate.ts";
import { type FakeAdapterOptions, fakeAdapter } from "./testing/fake-adapter.ts";
import { fakeClock } from "./testing/fake-clock.ts";

const never = () => new Promise<void>(() => {});

/** A pool of one worker on a clock that stands still. */
async function watched(options: FakeAdapterOptions & { debug?: boolean } = {}) {
  const { debug, ...rest } = options;
  const clock = fakeClock();
  const adapter = fakeAdapter(rest);
  const limits = { minWorkers: 1, maxWorkers: 1, callTimeoutMs: Number.POSITIVE_INFINITY };
  const pool = await createPool({
    ...limits,
    adapter,
    clock,
    ...(debug === undefined ? {} : { debug }),
  });
  return { pool, adapter, clock, events: recordedOfWorkers(pool) };
}

test("an idle worker that answers no ping is suspected, then replaced", async () => {
  const { pool, adapter, clock, events } = await watched({ onPing: never });
  await using _ = pool;
  const [first] = adapter.workerIds();
  await clock.advance(11_000);
  expect(events).toMatchObject([{ name: "worker-suspect", workerId: first }]);
  const stopped = nextEvent(pool, "worker-stopped");
  const ready = nextEvent(pool, "worker-ready");
  await clock.advance(5_000);
  expect(await stopped).toMatchObject({ workerId: first, reason: "hung" });
  await ready;
});

test("a worker that answers its pings is left alone, however idle", async () => {
  let pings = 0;
  const { pool, clock, events } = await watched({ onPing: () => void pings++ });
  await using _ = pool;
  await clock.advance(120_000);
  expect(events).toEqual([]);
  expect(pings).toBeGreaterThan(10);
});

test("a suspect gets no new calls, and serves again once it is heard", async () => {
  const silent = gate();
  const { pool, adapter, clock, events } = await watched({
    onPing: () => silent.handler(0, undefined as never, "") as Promise<void>,
  });
  await using _ = pool;
  const [only] = adapter.workerIds();
  await clock.advance(11_000);
  expect(pool.workers()).toMatchObject([{ id: only, state: "suspect" }]);
  const waiting = pool.execute("echo", "again");
  expect(pool.stats().queued).toBe(1);
  silent.open();
  await clock.advance(2_000);
  expect(await waiting).toBe("again");
  expect(events.map((event) => event.name)).toEqual(["worker-suspect", "worker-recovered"]);
  expect(adapter.workerIds()).toEqual([only]);
});

test("what a hung worker held is replaced before it is gone", async () => {
  const { pool, adapter, clock } = await watched({ onPing: never });
  await using _ = pool;
  const call = pool.execute("slow");
  call.catch(() => {});
  await adapter.received("slow");
  const [hung] = adapter.workerIds();
  const ready = nextEvent(pool, "worker-ready");
  await clock.advance(20_000);
  expect((await ready).workerId).not.toBe(hung);
  expect(await pool.execute("echo", "served")).toBe("served");
  expect(adapter.workerIds()).toContain(hung);
  await clock.advance(60_000);
  expect(adapter.workerIds()).not.toContain(hung);
});

test("a hung worker is kept while a call on it has time left, and for a minute at most", async () => {
  const { pool, adapter, clock, events } = await watched({ onPing: never });
  await using _ = pool;
  const call = pool.execute("slow");
  const failed = expect(call).rejects.toMatchObject({
    code: "WORKER_EXITED",
    outcome: "unknown",
    message: expect.stringContaining("no sign of life"),
  });
  await adapter.received("slow");
  const [hung] = adapter.workerIds();
  await clock.advance(60_000);
  expect(adapter.workerIds()).toContain(hung);
  await clock.advance(20_000);
  await failed;
  expect(events).toContainEqual(
    expect.objectContaining({ name: "worker-stopped", reason: "hung" }),
  );
});

test("a hung worker goes as soon as nobody waits for its calls", async () => {
  const { pool, adapter, clock, events } = await watched({
    onPing: never,
    confirmCancelAfterMs: Number.POSITIVE_INFINITY,
  });
  await using _ = pool;
  const cancel = new AbortController();
  const call = pool.execute("slow", 0, { signal: cancel.signal });
  call.catch(() => {});
  await adapter.received("slow");
  await clock.advance(20_000);
  cancel.abort();
  await clock.advance(1_000);
  expect(events).toContainEqual(expect.objectContaining({ name: "worker-stopped" }));
});

test("a worker of one thread is not asked while it works", async () => {
  let pings = 0;
  const held = gate();
  const { pool, adapter, clock, events } = await watched({
    onPing: () => void pings++,
    pingsWhileBusy: false,
    handlers: { held: held.handler },
  });
  await using _ = pool;
  const call = pool.execute("held");
  await adapter.received("held");
  await clock.advance(200_000);
  expect({ pings, events }).toEqual({ pings: 0, events: [] });
  held.open("done");
  expect(await call).toBe("done");
});

test("debug switches heartbeats and default deadlines off, and nothing else", async () => {
  const clock = fakeClock();
  const adapter = fakeAdapter({ onPing: never });
  await using pool = await createPool({ adapter, clock, maxWorkers: 1, debug: true });
  const events = recordedOfWorkers(pool);
  const cancel = new AbortController();
  const call = pool.execute("slow", 0, { signal: cancel.signal });
  call.catch(() => {});
  await adapter.received("slow");
  await clock.advance(600_000);
  expect(events).toEqual([]);
  const timed = expect(pool.execute("echo", 1, { timeoutMs: 1_000 })).rejects.toMatchObject({
    code: "TIMEOUT",
  });
  await clock.advance(1_100);
  await timed;
  cancel.abort();
});

test("health asks every worker now, also while calls run", async () => {
  const clock = fakeClock();
  const adapter = fakeAdapter({
    concurrency: 2,
    onPing: (workerId) => {
      if (workerId === silentId) return never();
      if (workerId === sickId) throw new Error("no disk left");
      return undefined;
    },
  });
  await using pool = await createPool({ adapter, clock, minWorkers: 3, maxWorkers: 3 });
  const [wellId, silentId, sickId] = adapter.workerIds();
  const cancel = new AbortController();
  const call = pool.execute("slow", 0, { signal: cancel.signal });
  call.catch(() => {});
  const asked = pool.health();
  await clock.advance(5_000);
  expect(await asked).toMatchObject({
    status: "degraded",
    workers: [
      { id: wellId, status: "healthy", reason: undefined },
      { id: silentId, status: "timeout", roundTripMs: undefined },
      { id: sickId, status: "unhealthy", reason: "no disk left" },
    ],
  });
  const again = pool.health();
  adapter.kill(silentId as string);
  expect((await again).workers[1]).toMatchObject({ id: silentId, status: "dead" });
  cancel.abort();
});
