import { expect, test } from "vitest";
import type { Clock } from "./clock.ts";
import { createPool } from "./create-pool.ts";
import { gate } from "./fixtures/gate.ts";
import { failure, lightPool } from "./fixtures/real-pools.ts";
import { smallPool } from "./fixtures/small-pool.ts";
import { until } from "./fixtures/until.ts";
import { type FakeHandler, fakeAdapter } from "./testing/fake-adapter.ts";
import { fakeClock } from "./testing/fake-clock.ts";

test("the statistics tell how full the workers are", async () => {
  const held = gate();
  const options = { minWorkers: 2, maxWorkers: 2 };
  await using one = await smallPool({ concurrency: 2, handlers: { held: held.handler }, options });
  expect(one.pool.stats()).toMatchObject({ available: 2, busy: 0, utilisation: 0 });
  const calls = [1, 2, 3].map(() => one.pool.execute("held"));
  expect(one.pool.stats()).toMatchObject({ available: 1, busy: 2, utilisation: 0.75, running: 3 });
  for (const _ of calls) held.open();
  await Promise.all(calls);
  expect(one.pool.stats()).toMatchObject({ available: 2, busy: 0, utilisation: 0 });
});

test("every call is counted once, and every error under its code", async () => {
  const abort = new AbortController();
  await using one = await smallPool({ options: { maxQueue: 1 } });
  const running = failure(one.pool.execute("slow", 0, { signal: abort.signal }));
  await one.adapter.received("slow");
  const waiting = failure(one.pool.execute("echo", 0, { queueTimeoutMs: 10 }));
  const refused = failure(one.pool.execute("echo"));
  expect(one.pool.stats()).toMatchObject({ requests: 3, queued: 1, running: 1, failed: 1 });
  await Promise.all([waiting, refused]);
  abort.abort();
  await running;
  await one.pool.execute("echo");
  await failure(one.pool.execute("")); // no call at all
  expect(one.pool.stats()).toMatchObject({
    requests: 4,
    succeeded: 1,
    failed: 3,
    errors: { QUEUE_FULL: 1, QUEUE_TIMEOUT: 1, ABORTED: 1 },
    queueTimeouts: 1,
    saturationRejections: 1,
  });
});

test("calls of a session that find its worker are hits, those that must go elsewhere misses", async () => {
  const held = gate();
  const options = { minWorkers: 2, maxWorkers: 2 };
  await using one = await smallPool({ handlers: { held: held.handler, echo }, options });
  const session = one.pool.session("ada");
  await session.execute("echo"); // it has no home yet
  const blocking = session.execute("held");
  await session.execute("echo");
  held.open();
  await blocking;
  await session.execute("echo", 0, { affinity: "none" });
  await one.pool.execute("echo");
  expect(one.pool.stats()).toMatchObject({ affinityHits: 1, affinityMisses: 1 });
});

const echo: FakeHandler = (args) => args;

test("the times of each command are those that its calls took, waiting included", async () => {
  const clock = fakeClock();
  const held = gate();
  const handlers = { held: held.handler, echo };
  await using one = await smallPool({ handlers, options: { clock } });
  const calls = [one.pool.execute("held"), one.pool.execute("held")];
  for (const ms of [1_000, 3_000]) {
    await one.adapter.received("held", ms === 1_000 ? 1 : 2);
    await clock.advance(ms);
    held.open();
    await calls.shift();
  }
  await failure(one.pool.execute("nonsense"));
  const { held: stats, nonsense } = one.pool.stats().commands;
  expect(stats).toMatchObject({ calls: 2, errors: 0, maxMs: 4_000, run: { maxMs: 3_000 } });
  for (const p of ["p95Ms", "p99Ms"] as const) {
    expect(Math.abs((stats?.[p] ?? 0) - 4_000)).toBeLessThanOrEqual(250);
    expect(Math.abs((stats?.run[p] ?? 0) - 3_000)).toBeLessThanOrEqual(188);
  }
  expect(Math.abs((stats?.p50Ms ?? 0) - 1_000)).toBeLessThanOrEqual(63);
  expect(nonsense).toMatchObject({ calls: 1, errors: 1 });
});

test("a slow call among thousands of quick ones is never passed over", async () => {
  const clock = fakeClock();
  const held = gate();
  await using one = await smallPool({
    concurrency: 2,
    handlers: { mixed: (args, context) => (args === "slow" ? held.handler(0, context, "") : 0) },
    options: { clock },
  });
  for (let n = 0; n < 1_500; n++) await one.pool.execute("mixed");
  const slow = one.pool.execute("mixed", "slow");
  const unlimited = one.pool.execute("mixed", "slow", { timeoutMs: Number.POSITIVE_INFINITY });
  await clock.advance(20);
  held.open();
  await slow;
  await clock.advance(5);
  held.open();
  await unlimited;
  for (let n = 0; n < 1_500; n++) await one.pool.execute("mixed");
  expect(one.pool.stats().commands["mixed"]).toMatchObject({ calls: 3_002, maxMs: 25 });
});

test("refused calls are counted and do not make a command look quick", async () => {
  const clock = fakeClock();
  const held = gate();
  const options = { maxQueue: 0, clock };
  await using one = await smallPool({ handlers: { held: held.handler }, options });
  const call = one.pool.execute("held");
  await one.adapter.received("held");
  await Promise.all([1, 2, 3].map(() => failure(one.pool.execute("held"))));
  await clock.advance(1_000);
  held.open();
  await call;
  const stats = one.pool.stats().commands["held"];
  expect(stats).toMatchObject({ calls: 4, errors: 3, maxMs: 1_000 });
  expect(stats?.p50Ms).toBeGreaterThan(900);
});

test("without telemetry, and with nobody listening, a call looks at the clock once", async () => {
  for (const [telemetry, looks] of [
    [false, 1],
    [true, 2],
  ] as const) {
    let times = 0;
    const fake = fakeClock();
    const clock: Clock = {
      startTimer: (delayMs, expire) => fake.startTimer(delayMs, expire),
      startInterval: (periodMs, tick) => fake.startInterval(periodMs, tick),
      now() {
        times++;
        return fake.now();
      },
    };
    const adapter = fakeAdapter();
    const limits = { minWorkers: 1, maxWorkers: 1 };
    await using pool = await createPool({ adapter, ...limits, clock, telemetry });
    await pool.execute("echo"); // the first call starts the wheel of deadlines
    const before = times;
    await pool.execute("echo");
    expect(times - before).toBe(looks);
    expect(Object.keys(pool.stats().commands)).toEqual(telemetry ? ["echo"] : []);
    expect(pool.stats()).toMatchObject({ requests: 2, succeeded: 2 });
  }
});

test("a worker's description tells since when it lives, when it last worked, and its last words", async () => {
  const beforeMs = Date.now();
  await using real = await lightPool({ minWorkers: 1, maxWorkers: 1 });
  await real.pool.execute("echo", 1);
  const session = real.pool.session();
  await session.execute("echo", 1);
  const [info] = real.pool.workers();
  const { startedAtMs = 0, lastActivityAtMs = 0 } = info ?? {};
  expect(startedAtMs).toBeGreaterThanOrEqual(beforeMs);
  expect(lastActivityAtMs).toBeGreaterThanOrEqual(startedAtMs);
  expect(lastActivityAtMs).toBeLessThanOrEqual(Date.now());
  expect(info).toMatchObject({ state: "ready", calls: 2, errors: 0, sessions: 1, stderr: "" });
  expect(Object.keys(session.worker() ?? {})).toEqual(Object.keys(info ?? {}));
});

test("a worker that has nothing to do was last active when its last call ended, to within a second", async () => {
  const clock = fakeClock();
  await using one = await smallPool({ options: { clock } });
  await one.pool.execute("echo");
  const doneMs = Date.now();
  await clock.advance(60_000);
  const [idle] = one.pool.workers();
  const idleMs = doneMs - (idle?.lastActivityAtMs ?? 0);
  // It cannot have worked before it was there, whatever a clock that is advanced by hand says.
  expect(idle?.lastActivityAtMs).toBe(idle?.startedAtMs);
  expect(idleMs).toBeGreaterThanOrEqual(0);
  const abort = new AbortController();
  const busy = failure(one.pool.execute("slow", 0, { signal: abort.signal }));
  await until(() => one.pool.stats().busy === 1);
  const [now] = one.pool.workers();
  expect(Date.now() - (now?.lastActivityAtMs ?? 0)).toBeLessThan(60_000);
  abort.abort();
  await busy;
});
