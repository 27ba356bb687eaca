import { expect, test } from "vitest";
import { createPool } from "./create-pool.ts";
import { nextEvent, recorded } from "./fixtures/events.ts";
import { gate } from "./fixtures/gate.ts";
import type { PoolSession } from "./session.ts";
import { fakeAdapter } from "./testing/fake-adapter.ts";
import { fakeClock } from "./testing/fake-clock.ts";

/** Commands that tell where they ran. */
const handlers = {
  where: (_args: unknown, _context: unknown, workerId: string) => workerId,
};

test("a session stays with its worker, and new ones go where the fewest are", async () => {
  await using pool = await createPool({
    adapter: fakeAdapter({ handlers }),
    minWorkers: 3,
    maxWorkers: 3,
  });
  const sessions = Array.from({ length: 6 }, (_, n) => pool.session(`user_${n}`));
  const homes: unknown[] = [];
  for (const session of sessions) homes.push(await session.execute("where"));
  expect(pool.workers().map((worker) => worker.sessions)).toEqual([2, 2, 2]);
  for (const [n, session] of sessions.entries()) {
    expect(await session.execute("where")).toBe(homes[n]);
    expect(session.worker()?.id).toBe(homes[n]);
  }
});

test("a session that prefers its worker goes elsewhere while that is busy, and comes back", async () => {
  const held = gate();
  const adapter = fakeAdapter({ handlers: { ...handlers, held: held.handler } });
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const session = pool.session("ada");
  const home = await session.execute("where");
  const busy = session.execute("held");
  await adapter.received("held");
  expect(await session.execute("where")).not.toBe(home);
  held.open();
  await busy;
  expect(await session.execute("where")).toBe(home);
});

test("a call that requires its worker waits for it, and holds up nobody else", async () => {
  const held = gate();
  const adapter = fakeAdapter({ handlers: { ...handlers, held: held.handler } });
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const session = pool.session("ada", { affinity: "require" });
  const home = await session.execute("where");
  const busy = session.execute("held");
  await adapter.received("held");
  const waiting = session.execute("where");
  expect(pool.stats().queued).toBe(1);
  expect(await pool.execute("where")).not.toBe(home);
  await expect(session.execute("where", {}, { queueTimeoutMs: 0 })).rejects.toMatchObject({
    code: "WORKER_BUSY",
    outcome: "not-started",
    message: expect.stringContaining(String(home)),
  });
  held.open();
  await busy;
  expect(await waiting).toBe(home);
});

test("the first calls of a requiring session all end up on one worker", async () => {
  const adapter = fakeAdapter({ handlers });
  await using pool = await createPool({ adapter, minWorkers: 0, maxWorkers: 4 });
  const session = pool.session("ada", { affinity: "require" });
  const homes = await Promise.all(Array.from({ length: 20 }, () => session.execute("where")));
  expect(new Set(homes).size).toBe(1);
});

test("affinity none lets a session's call go anywhere", async () => {
  const held = gate();
  const adapter = fakeAdapter({ handlers: { ...handlers, held: held.handler } });
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const session = pool.session("ada", { affinity: "require" });
  const home = await session.execute("where");
  const busy = session.execute("held");
  await adapter.received("held");
  expect(await session.execute("where", {}, { affinity: "none" })).not.toBe(home);
  held.open();
  await busy;
});

test("what a session required went with its worker: SESSION_LOST, never silent emptiness", async () => {
  const adapter = fakeAdapter({ handlers });
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const session = pool.session("ada", { affinity: "require" });
  const home = String(await session.execute("where"));
  const running = session.execute("slow");
  await adapter.received("slow");
  const waiting = session.execute("where");
  const events = recorded(pool);
  const stopped = nextEvent(pool, "worker-stopped");
  adapter.kill(home);
  await stopped;
  await expect(running).rejects.toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
  const lost = { code: "SESSION_LOST", details: { sessionId: "ada", workerId: home } };
  await expect(waiting).rejects.toMatchObject(lost);
  await expect(session.execute("where")).rejects.toMatchObject(lost);
  expect(session.worker()).toBeUndefined();
  expect(events[0]).toMatchObject({ name: "session-lost", sessionId: "ada" });
  await session.delete();
  const again = pool.session("ada", { affinity: "require" });
  expect(await again.execute("where")).not.toBe(home);
});

test("a session that only prefers moves on when its worker dies", async () => {
  const adapter = fakeAdapter({ handlers });
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const session = pool.session("ada");
  const home = String(await session.execute("where"));
  const stopped = nextEvent(pool, "worker-stopped");
  adapter.kill(home);
  await stopped;
  const next = await session.execute("where");
  expect(next).not.toBe(home);
  expect(session.worker()?.id).toBe(next);
});

test("a worker that holds something for a session is not idle-stopped until it is let go of", async () => {
  const clock = fakeClock();
  const adapter = fakeAdapter({ handlers });
  const options = { adapter, clock, minWorkers: 0, maxWorkers: 2, idleTimeoutMs: 1_000 };
  await using pool = await createPool(options);
  const session = pool.session("ada", { affinity: "require" });
  await session.execute("where");
  await clock.advance(10_000);
  expect(pool.stats().workers.ready).toBe(1);
  await session[Symbol.asyncDispose]();
  await clock.advance(2_000);
  expect(pool.stats().workers.ready).toBe(0);
});

test("the end of a session is told to every worker that has served it, once", async () => {
  const ends: string[] = [];
  const held = gate();
  const adapter = fakeAdapter({
    handlers: { ...handlers, held: held.handler },
    onSessionEnd: (workerId, sessionId) => ends.push(`${sessionId} at ${workerId}`),
  });
  await using pool = await createPool({ adapter, minWorkers: 3, maxWorkers: 3 });
  const session = pool.session("ada");
  const busy = session.execute("held");
  await adapter.received("held");
  const other = await session.execute("where");
  held.open();
  await busy;
  const home = session.worker()?.id;
  await session.delete();
  await session.delete();
  expect(ends.sort()).toEqual([`ada at ${home}`, `ada at ${other}`].sort());
  await expect(session.execute("where")).rejects.toMatchObject({ code: "SESSION_NOT_FOUND" });
  expect(pool.stats().sessions).toBe(0);
});

test("an unnamed session ends with its block, a named one lives on until nobody has used it for its ttl", async () => {
  const clock = fakeClock();
  await using pool = await createPool({ adapter: fakeAdapter({ handlers }), clock });
  {
    await using session = pool.session();
    await session.execute("where");
    expect(pool.stats().sessions).toBe(1);
  }
  expect(pool.stats().sessions).toBe(0);
  {
    await using session = pool.session("ada", { ttlMs: 10_000 });
    await session.execute("where");
  }
  expect(pool.session("ada")).toBe(pool.session("ada"));
  await clock.advance(9_000);
  await pool.session("ada").execute("where");
  await clock.advance(9_000);
  expect(pool.stats().sessions).toBe(1);
  await clock.advance(2_000);
  expect(pool.stats().sessions).toBe(0);
});

test.each([
  ["", {}, /1 to 200 of the characters/],
  ["../etc", {}, /not "..\/etc"/],
  ["ada\0", {}, /characters/],
  ["ada", { affinity: "perhaps" }, /affinity must be one of "prefer", "require", "none"/],
  ["ada", { ttlMs: 0 }, /ttlMs must be an integer of at least 1/],
  ["ada", { afinity: "none" }, /meant affinity/],
])("session(%j, %o) is refused", async (id, options, message) => {
  await using pool = await createPool({ adapter: fakeAdapter() });
  expect(() => pool.session(id, options as never)).toThrow(message);
});

test("a session that is open is not opened otherwise, and affinity needs a session", async () => {
  await using pool = await createPool({ adapter: fakeAdapter() });
  pool.session("ada", { affinity: "require" });
  expect(() => pool.session("ada", { affinity: "none" })).toThrow(/open with affinity "require"/);
  await expect(pool.execute("echo", 1, { affinity: "require" })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("needs a session"),
  });
});

test("a session that lives on forgets the workers that are gone", async () => {
  const adapter = fakeAdapter({ handlers });
  await using pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 1 });
  const session = pool.session("ada") as PoolSession;
  for (let n = 0; n < 10; n++) {
    const stopped = nextEvent(pool, "worker-stopped");
    adapter.kill(String(await session.execute("where")));
    await stopped;
  }
  await session.execute("where");
  expect(session.servedBy.size).toBe(1);
});

test("a requiring call that waited for its session's first home learns that it is lost", async () => {
  const [strangers, mine] = [gate(), gate()];
  const adapter = fakeAdapter({
    handlers: { ...handlers, held: strangers.handler, mine: mine.handler },
  });
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const blocking = [pool.execute("held"), pool.execute("held")];
  await adapter.received("held", 2);
  const session = pool.session("ada", { affinity: "require" });
  const first = expect(session.execute("mine")).rejects.toMatchObject({ code: "WORKER_EXITED" });
  const second = expect(session.execute("where")).rejects.toMatchObject({ code: "SESSION_LOST" });
  strangers.open();
  await adapter.received("mine");
  adapter.kill(session.worker()?.id ?? "");
  await Promise.all([first, second]);
  strangers.open();
  await Promise.all(blocking);
});

test("a session's loss is told also after one of its holders has let go of it", async () => {
  const adapter = fakeAdapter({ handlers });
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const session = pool.session("ada", { affinity: "require" });
  const home = String(await session.execute("where"));
  {
    await using other = pool.session("ada");
    await other.execute("where");
  }
  // The other holder is still there: it is kept from being replaced.
  expect((await pool.restart()).left).toEqual([{ workerId: home, reason: "pinned" }]);
  await session[Symbol.asyncDispose]();
  const lost = nextEvent(pool, "session-lost");
  adapter.kill(home);
  await lost;
  await expect(pool.session("ada").execute("where")).rejects.toMatchObject({
    code: "SESSION_LOST",
  });
});

test("deleting a session ends its calls, waiting and running, and leaves nothing of it on a worker", async () => {
  const held = gate();
  const ends: string[] = [];
  const adapter = fakeAdapter({
    handlers: { ...handlers, held: held.handler },
    onSessionEnd: (_workerId, sessionId) => ends.push(sessionId),
  });
  await using pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 1 });
  const session = pool.session("ada", { affinity: "require" });
  const running = expect(session.execute("slow")).rejects.toMatchObject({
    code: "CANCELLED",
    outcome: "unknown",
    message: expect.stringContaining("its session was deleted"),
  });
  await adapter.received("slow");
  const waiting = expect(session.execute("where")).rejects.toMatchObject({
    code: "CANCELLED",
    outcome: "not-started",
  });
  await session.delete();
  await Promise.all([running, waiting]);
  await expect.poll(() => pool.workers()).toMatchObject([{ load: 0, sessions: 0 }]);
  expect(ends).toEqual(["ada"]);
  expect((await pool.restart()).left).toEqual([]);
});

test("a session that moves in while its worker's successor starts keeps the worker", async () => {
  const slowStart = gate();
  let starts = 0;
  const adapter = fakeAdapter({
    handlers,
    onStart: async () => {
      if (++starts > 1) await slowStart.handler(0, undefined as never, "");
    },
  });
  await using pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 1 });
  const restarting = pool.restart();
  await expect.poll(() => starts).toBe(2);
  const session = pool.session("ada", { affinity: "require" });
  const home = await session.execute("where");
  slowStart.open();
  expect(await restarting).toEqual({ replaced: [], left: [{ workerId: home, reason: "pinned" }] });
  expect(await session.execute("where")).toBe(home);
  await expect.poll(() => adapter.workerIds()).toEqual([home]);
});

test("a session does not expire while a call of it runs", async () => {
  const clock = fakeClock();
  const held = gate();
  const ends: string[] = [];
  const adapter = fakeAdapter({
    handlers: { held: held.handler },
    onSessionEnd: (_workerId, sessionId) => ends.push(sessionId),
  });
  const callTimeoutMs = Number.POSITIVE_INFINITY;
  await using pool = await createPool({ adapter, clock, callTimeoutMs });
  const call = pool.session("ada", { ttlMs: 1_000 }).execute("held");
  await adapter.received("held");
  await clock.advance(10_000);
  expect(ends).toEqual([]);
  held.open();
  await call;
  await clock.advance(3_000);
  expect(ends).toEqual(["ada"]);
});

test("a call that requires a worker where its session keeps nothing moves on when that dies", async () => {
  const held = gate();
  const adapter = fakeAdapter({ handlers: { ...handlers, held: held.handler } });
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const session = pool.session("ada");
  const home = String(await session.execute("where"));
  const busy = expect(session.execute("held")).rejects.toMatchObject({ code: "WORKER_EXITED" });
  await adapter.received("held");
  const requiring = session.execute("where", {}, { affinity: "require" });
  adapter.kill(home);
  await busy;
  expect(await requiring).not.toBe(home);
});
