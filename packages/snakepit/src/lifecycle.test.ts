import { expect, test } from "vitest";
import { createPool } from "./create-pool.ts";
import { nextEvent, recorded } from "./fixtures/events.ts";
import { gate } from "./fixtures/gate.ts";
import { fakeAdapter } from "./testing/fake-adapter.ts";
import { fakeClock } from "./testing/fake-clock.ts";
import { fakeLauncher } from "./testing/fake-launcher.ts";

const handlers = {
  where: (_args: unknown, _context: unknown, workerId: string) => workerId,
};

test("workers above the minimum end when they have been idle for long enough", async () => {
  const clock = fakeClock();
  const held = gate();
  const adapter = fakeAdapter({ handlers: { held: held.handler } });
  const options = { adapter, clock, minWorkers: 1, maxWorkers: 4, idleTimeoutMs: 60_000 };
  await using pool = await createPool(options);
  const calls = Array.from({ length: 4 }, () => pool.execute("held"));
  await adapter.received("held", 4);
  expect(pool.stats().workers.ready).toBe(4);
  for (const _ of calls) held.open();
  await Promise.all(calls);
  const events = recorded(pool);
  await clock.advance(59_000);
  expect(pool.stats().workers.ready).toBe(4);
  await clock.advance(2_000);
  expect(pool.stats().workers.ready).toBe(1);
  const stopped = events.filter((event) => event.name === "worker-stopped");
  expect(stopped).toHaveLength(3);
  expect(stopped[0]).toMatchObject({ reason: "idle", lostCalls: 0 });
});

test("a worker is replaced after its calls, the new one first, and no call fails", async () => {
  const adapter = fakeAdapter({ handlers });
  await using pool = await createPool({ adapter, maxWorkers: 1, maxCalls: 10 });
  const events = recorded(pool);
  const homes: unknown[] = [];
  for (let n = 0; n < 45; n++) homes.push(await pool.execute("where"));
  expect(new Set(homes).size).toBeGreaterThanOrEqual(4);
  expect(pool.stats().failed).toBe(0);
  const ends = events.filter(({ name }) => name === "worker-ready" || name === "worker-stopped");
  expect(ends.slice(0, 2).map(({ name }) => name)).toEqual(["worker-ready", "worker-stopped"]);
  expect(ends[1]).toMatchObject({ reason: "max-calls", lostCalls: 0, cause: "stopped" });
});

test("a worker is replaced when it is old enough", async () => {
  const clock = fakeClock();
  const adapter = fakeAdapter({ handlers });
  await using pool = await createPool({ adapter, clock, maxWorkers: 1, maxAgeMs: 3_600_000 });
  const [old] = adapter.workerIds();
  await clock.advance(3_600_000 * 0.94);
  expect(adapter.workerIds()).toEqual([old]);
  const stopped = nextEvent(pool, "worker-stopped");
  await clock.advance(3_600_000 * 0.12);
  expect(await stopped).toMatchObject({ workerId: old, reason: "max-age" });
  expect(await pool.execute("where")).not.toBe(old);
});

test("a worker that uses much memory is replaced, one that uses far too much is killed", async () => {
  const clock = fakeClock();
  const MiB = 2 ** 20;
  const launcher = fakeLauncher({ memoryBytes: 10 * MiB });
  const adapter = fakeAdapter({ handlers });
  const options = { adapter, launcher, clock, maxWorkers: 1, memoryBytes: 150 * MiB };
  await using pool = await createPool(options);
  await clock.advance(3_000);
  expect(pool.workers()).toMatchObject([{ memoryBytes: 10 * MiB }]);
  const recycled = nextEvent(pool, "worker-stopped");
  const [leaky] = launcher.workers;
  if (leaky !== undefined) leaky.memory = 130 * MiB;
  await clock.advance(3_000);
  expect(await recycled).toMatchObject({ workerId: leaky?.workerId, reason: "memory" });

  const call = pool.execute("slow");
  const killed = expect(call).rejects.toMatchObject({
    code: "MEMORY_EXCEEDED",
    outcome: "unknown",
    details: { bytes: 200 * MiB, limitBytes: 150 * MiB },
  });
  const [greedy] = launcher.workers;
  if (greedy !== undefined) greedy.memory = 200 * MiB;
  await clock.advance(2_000);
  await killed;
});

test("a worker that seems to use far too much for a moment, while it starts a child, lives", async () => {
  const clock = fakeClock();
  const MiB = 2 ** 20;
  const launcher = fakeLauncher({ memoryBytes: 10 * MiB });
  const adapter = fakeAdapter({ handlers });
  const options = { adapter, launcher, clock, maxWorkers: 1, memoryBytes: 150 * MiB };
  await using pool = await createPool(options);
  const [worker] = launcher.workers;
  if (worker === undefined) throw new Error("no worker");
  // Resident and shared out, both with the child's copy in them, as seen between vfork and exec.
  const doubled = [200 * MiB, 200 * MiB];
  Object.defineProperty(worker, "memory", { get: () => doubled.shift() ?? 100 * MiB });
  await clock.advance(3_000);
  expect(doubled).toEqual([]);
  expect(pool.workers()).toMatchObject([{ id: worker.workerId, memoryBytes: 100 * MiB }]);
  expect(launcher.launches).toBe(1);
});

test("a session that holds on to its worker keeps it from being replaced, for an hour at most", async () => {
  const clock = fakeClock();
  const adapter = fakeAdapter({ handlers });
  await using pool = await createPool({ adapter, clock, maxWorkers: 1, maxAgeMs: 60_000 });
  const session = pool.session("ada", { affinity: "require", ttlMs: 10_000_000 });
  const home = await session.execute("where");
  await clock.advance(3_000_000);
  expect(adapter.workerIds()).toEqual([home]);
  const lost = nextEvent(pool, "session-lost");
  await clock.advance(700_000);
  expect(await lost).toMatchObject({ sessionId: "ada", workerId: home });
  await expect(session.execute("where")).rejects.toMatchObject({ code: "SESSION_LOST" });
});

test("a pool is resized while it works: more workers at once, fewer as their calls end", async () => {
  const held = gate();
  const adapter = fakeAdapter({ handlers: { held: held.handler } });
  await using pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 1 });
  await pool.resize({ minWorkers: 4, maxWorkers: 4 });
  expect(pool.stats().workers.ready).toBe(4);
  const calls = Array.from({ length: 4 }, () => pool.execute("held"));
  await adapter.received("held", 4);
  await pool.resize({ minWorkers: 1, maxWorkers: 2 });
  expect(pool.stats().workers).toEqual({ starting: 0, ready: 2, draining: 2 });
  for (const _ of calls) held.open("unharmed");
  expect(await Promise.all(calls)).toEqual(Array(4).fill("unharmed"));
  await expect.poll(() => adapter.workerIds().length).toBe(2);
});

test("a pool that grows while calls wait never has more workers than its maximum", async () => {
  const held = gate();
  const adapter = fakeAdapter({ handlers: { held: held.handler } });
  await using pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 1 });
  const calls = Array.from({ length: 20 }, () => pool.execute("held"));
  let most = 0;
  pool.on("worker-ready", () => {
    const { starting, ready } = pool.stats().workers;
    most = Math.max(most, starting + ready);
  });
  await pool.resize({ minWorkers: 8, maxWorkers: 8 });
  await adapter.received("held", 8);
  expect(most).toBe(8);
  const answers = Promise.all(calls);
  while (pool.stats().running > 0) {
    held.open();
    await new Promise(setImmediate);
  }
  await answers;
});

test.each([
  [{ minWorkers: 5 }, /minWorkers \(5\) is above maxWorkers \(2\)/],
  [{ maxWorkers: 0 }, /maxWorkers must be an integer of at least 1, not 0/],
  [{ maxWorker: 3 }, /meant maxWorkers/],
  [{ minWorkers: Number.NaN }, /minWorkers must be an integer of at least 0, not NaN/],
])("resize(%o) is refused, and nothing changes", async (sizes, message) => {
  await using pool = await createPool({ adapter: fakeAdapter(), maxWorkers: 2 });
  await expect(pool.resize(sizes as object)).rejects.toThrow(message);
  expect(pool.stats().workers.ready).toBe(1);
});

test("restart replaces every worker under load without a failed call", async () => {
  const adapter = fakeAdapter({ handlers });
  await using pool = await createPool({ adapter, minWorkers: 3, maxWorkers: 3 });
  const old = adapter.workerIds();
  let stop = false;
  const lane = async () => {
    while (!stop) await pool.execute("where");
  };
  const lanes = Array.from({ length: 8 }, lane);
  const report = await pool.restart();
  stop = true;
  await Promise.all(lanes);
  expect([...report.replaced].sort()).toEqual([...old].sort());
  expect(report.left).toEqual([]);
  expect(adapter.workerIds().filter((id) => old.includes(id))).toEqual([]);
  expect(pool.stats()).toMatchObject({ failed: 0, workers: { ready: 3, draining: 0 } });
});

test("restart leaves a worker that a session is pinned to, and says so; force takes it", async () => {
  const adapter = fakeAdapter({ handlers });
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const session = pool.session("ada", { affinity: "require" });
  const home = String(await session.execute("where"));
  const [other] = adapter.workerIds().filter((id) => id !== home);
  expect(await pool.restart()).toEqual({
    replaced: [other],
    left: [{ workerId: home, reason: "pinned" }],
  });
  expect(await session.execute("where")).toBe(home);
  const lost = nextEvent(pool, "session-lost");
  expect((await pool.restart({ force: true })).left).toEqual([]);
  expect(await lost).toMatchObject({ sessionId: "ada" });
  await expect(session.execute("where")).rejects.toMatchObject({ code: "SESSION_LOST" });
});

test("restart reports a worker whose call does not end; force ends the call", async () => {
  const adapter = fakeAdapter({ handlers });
  await using pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 1 });
  const endless = pool.execute("slow");
  await adapter.received("slow");
  const [old] = adapter.workerIds();
  expect(await pool.restart({ graceMs: 10 })).toEqual({
    replaced: [],
    left: [{ workerId: old, reason: "busy" }],
  });
  const second = pool.execute("slow");
  await adapter.received("slow", 2);
  const failed = expect(second).rejects.toMatchObject({ code: "WORKER_EXITED" });
  expect((await pool.restart({ graceMs: 10, force: true })).left).toEqual([]);
  await failed;
  const told = expect(endless).rejects.toMatchObject({ code: "CANCELLED" });
  await pool.close({ graceMs: 0 });
  await told;
});

test("a restart whose new worker does not come up fails, and the old ones go on", async () => {
  let broken = false;
  const adapter = fakeAdapter({
    handlers,
    onStart: () => {
      if (broken) throw new Error("the new version is broken");
    },
  });
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const old = adapter.workerIds();
  broken = true;
  await expect(pool.restart()).rejects.toThrow("the new version is broken");
  expect(adapter.workerIds()).toEqual(old);
  expect(old).toContain(await pool.execute("where"));
});

test("each worker answers its warm-up calls before it counts as ready", async () => {
  const warmed: unknown[] = [];
  const adapter = fakeAdapter({
    handlers: {
      load: (model, _context, workerId) => warmed.push([workerId, model]),
      where: handlers.where,
    },
  });
  const warmUp = [
    { command: "load", args: "small" },
    { command: "load", args: "large" },
  ];
  await using _ = await createPool({ adapter, minWorkers: 2, maxWorkers: 2, warmUp });
  const [one, two] = adapter.workerIds();
  expect(warmed.sort()).toEqual([
    [one, "large"],
    [one, "small"],
    [two, "large"],
    [two, "small"],
  ]);
});

test("a warm-up that fails fails the start, with its reason", async () => {
  const adapter = fakeAdapter({
    handlers: {
      load: () => {
        throw new Error("no such model");
      },
    },
  });
  await expect(createPool({ adapter, warmUp: [{ command: "load" }] })).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    message: expect.stringContaining("the warm-up load failed: no such model"),
    details: { reason: "warm-up" },
  });
});

test.each([
  [{ heartbeatMs: 20_000, hungMs: 10_000 }, /heartbeatMs \(20000\) is above hungMs \(10000\)/],
  [{ queueTimeoutMs: -1 }, /queueTimeoutMs must be an integer of at least 0 or Infinity, not -1/],
  [{ memoryBytes: "512 MB" }, /memoryBytes must be an integer .*not "512 MB"/],
  [{ maxAgeMs: 0 }, /maxAgeMs must be an integer of at least 1 or Infinity, not 0/],
  [{ callTimeoutMs: "5s" }, /callTimeoutMs is "5s", not a positive number of milliseconds/],
  [{ callTimeout: 5 }, /callTimeout"; meant callTimeoutMs\?/],
  [{ warmUp: ["load"] }, /warmUp must be an array of \{ command, args \}/],
  [{ circuit: { failureRate: 50 } }, /failureRate must be above 0 and at most 1, not 50/],
  [{ circuit: { failRate: 1 } }, /meant failureRate/],
  [{ debug: "yes" }, /debug must be true or false, not "yes"/],
])("createPool(%o) is refused", async (options, message) => {
  const given = { adapter: fakeAdapter(), ...options } as never;
  await expect(createPool(given)).rejects.toThrow(message);
});
