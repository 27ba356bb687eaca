import { AsyncLocalStorage } from "node:async_hooks";
import { expect, test } from "vitest";
import type { Adapter } from "./adapter.ts";
import { createPool } from "./create-pool.ts";
import { nextEvent, recorded } from "./fixtures/events.ts";
import { failingStore } from "./fixtures/failing-store.ts";
import { slowStore } from "./fixtures/slow-store.ts";
import type { SessionOptions } from "./session.ts";
import { SessionSlot } from "./session-slots.ts";
import { memoryStore } from "./store/memory-store.ts";
import { fakeAdapter } from "./testing/fake-adapter.ts";
import { fakeClock } from "./testing/fake-clock.ts";

const handlers = {
  who: (_args: unknown, { session }: { session?: { id: string } | undefined }) => session?.id,
  where: (_args: unknown, _context: unknown, workerId: string) => workerId,
};
const adapter = () => fakeAdapter({ handlers });

test("a session is known to the store from its first use on, with all that it was opened with", async () => {
  await using pool = await createPool({ adapter: adapter(), name: "general" });
  const options: SessionOptions = { ttlMs: 60_000, metadata: { plan: "pro", tags: ["a"] } };
  const session = pool.session("ada", { ...options, affinity: "require", pool: "general" });
  expect(await pool.sessions.exists("ada")).toBe(false);
  await session.execute("who");
  const info = await pool.sessions.get("ada");
  expect(info).toMatchObject({ id: "ada", ...options, affinity: "require", pool: "general" });
  expect(info?.workerId).toBe(session.worker()?.id);
  expect(info?.expiresAtMs).toBe((info?.lastUsedAtMs ?? 0) + 60_000);
  expect(await session.info()).toEqual(info);
  expect(await pool.sessions.list()).toEqual([info]);
  expect(await pool.sessions.stats()).toEqual({
    sessions: 1,
    maxSessions: 10_000,
    open: 1,
    pinned: 1,
    store: "memory",
  });
});

test("a session that another pool has made is found with its options, and opening it with others is refused", async () => {
  await using store = memoryStore();
  await using first = await createPool({ adapter: adapter(), store });
  await using second = await createPool({ adapter: adapter(), store });
  const events = recorded(second);
  await first.session("ada", { affinity: "none", metadata: { plan: "pro" } }).execute("who");
  const resumed = second.session("ada");
  expect(await resumed.execute("who")).toBe("ada");
  expect(await resumed.info()).toMatchObject({ affinity: "none", metadata: { plan: "pro" } });
  expect(events).toContainEqual({ name: "session-resumed", sessionId: "ada" });
  await using third = await createPool({ adapter: adapter(), store });
  await expect(third.session("ada", { ttlMs: 5 }).execute("who")).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    outcome: "not-started",
    message: expect.stringContaining('session "ada" is open with ttlMs 3600000, not 5'),
  });
  await expect(third.session("ada", { metadata: { plan: "free" } }).execute("who")).rejects.toThrow(
    /metadata .*"pro".*"free".*sessions\.update/,
  );
});

test("a deleted session is gone for every pool, with its records", async () => {
  await using store = memoryStore();
  await using first = await createPool({ adapter: adapter(), store });
  await using second = await createPool({ adapter: adapter(), store });
  const here = first.session("ada", { ttlMs: 9_000 });
  const there = second.session("ada");
  await here.records("variables").set("x", 1);
  await there.execute("who");
  const ended = nextEvent(second, "session-deleted");
  await here.delete();
  await there.execute("who").catch(() => {}); // whatever it is told, the store is asked
  expect(await ended).toMatchObject({ sessionId: "ada" });
  await expect(there.execute("who")).rejects.toMatchObject({ code: "SESSION_NOT_FOUND" });
  expect(await second.session("ada").records("variables").get("x")).toBeUndefined();
});

test("a session in use does not expire, and one that nobody uses is said to have expired once", async () => {
  const clock = fakeClock();
  await using pool = await createPool({ adapter: adapter(), clock });
  const events = recorded(pool);
  const session = pool.session("ada", { ttlMs: 60_000 });
  await session.execute("who");
  for (let minute = 0; minute < 3; minute++) {
    await clock.advance(50_000);
    await session.execute("who");
  }
  expect(events.map(({ name }) => name)).not.toContain("session-expired");
  await clock.advance(100_000);
  expect(events.filter(({ name }) => name === "session-expired")).toEqual([
    { name: "session-expired", sessionId: "ada" },
  ]);
  await expect(session.execute("who")).rejects.toMatchObject({
    code: "SESSION_NOT_FOUND",
    details: { sessionId: "ada" },
  });
  expect(await pool.session("ada").execute("who")).toBe("ada"); // a new one
});

test("a session that another pool still uses is not taken for expired", async () => {
  const clock = fakeClock();
  await using store = memoryStore({ clock });
  await using idle = await createPool({ adapter: adapter(), store, clock });
  await using busy = await createPool({ adapter: adapter(), store, clock });
  const session = idle.session("ada", { ttlMs: 60_000 });
  await session.execute("who");
  for (let times = 0; times < 5; times++) {
    await clock.advance(40_000);
    await busy.session("ada").execute("who");
  }
  expect(await session.execute("who")).toBe("ada");
});

test("the first call of a session waits for a store that is slow, and its order is kept", async () => {
  const { store, hold, release } = slowStore();
  await using pool = await createPool({ adapter: adapter(), store });
  hold();
  const done: string[] = [];
  const session = pool.session("ada");
  const calls = ["first", "second", "third"].map((name) =>
    session.execute("who").then(() => done.push(name)),
  );
  expect(pool.stats()).toMatchObject({ queued: 3, running: 0 });
  expect(await pool.execute("where")).toBeDefined(); // nobody else waits
  release();
  await Promise.all(calls);
  expect(done).toEqual(["first", "second", "third"]);
});

test("a stream waits for a store that is slow, too", async () => {
  const { store, hold, release } = slowStore();
  const letters = async function* () {
    yield* ["a", "b"];
  };
  const streaming = fakeAdapter({ handlers: { letters } });
  await using pool = await createPool({ adapter: streaming, store });
  hold();
  const stream = pool.session("ada").stream("letters");
  const first = stream.next();
  expect(pool.stats()).toMatchObject({ queued: 1, running: 0 });
  release();
  expect(await first).toEqual({ done: false, value: "a" });
  expect(await stream.next()).toEqual({ done: false, value: "b" });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test("the deadline and the abort of a call count while its session is looked for", async () => {
  const { store, hold, release } = slowStore();
  await using pool = await createPool({ adapter: adapter(), store });
  hold();
  const aborter = new AbortController();
  const aborted = pool.session("ada").execute("who", {}, { signal: aborter.signal });
  const late = pool.session("ada").execute("who", {}, { timeoutMs: 30 });
  await expect(late).rejects.toMatchObject({ code: "TIMEOUT", outcome: "not-started" });
  aborter.abort(new Error("left"));
  await expect(aborted).rejects.toThrow("left");
  release();
  expect(await pool.session("ada").execute("who")).toBe("ada");
  expect(pool.stats().running).toBe(0);
});

test("a pool that closes answers calls whose session is still looked for", async () => {
  const { store, hold, release } = slowStore();
  const pool = await createPool({ adapter: adapter(), store });
  hold();
  const call = pool.session("ada").execute("who");
  const closed = pool.close({ graceMs: 0 });
  await expect(call).rejects.toMatchObject({ code: "POOL_CLOSED", outcome: "not-started" });
  release();
  await closed;
});

test("at four fifths of its quota the pool warns, once, and above it new sessions are refused", async () => {
  await using pool = await createPool({ adapter: adapter(), maxSessions: 10 });
  const events = recorded(pool);
  for (let n = 0; n < 10; n++) await pool.session(`s${n}`).execute("who");
  expect(events.filter(({ name }) => name === "session-quota-warning")).toEqual([
    { name: "session-quota-warning", sessions: 8, maxSessions: 10 },
  ]);
  await expect(pool.session("s10").execute("who")).rejects.toMatchObject({
    code: "QUOTA_EXCEEDED",
    outcome: "not-started",
    details: { what: "sessions", limit: 10 },
  });
  await pool.session("s0").delete();
  expect(await pool.session("s10").execute("who")).toBe("s10");
});

test("an update of metadata is atomic: of many at once none is lost", async () => {
  const { store } = slowStore();
  await using pool = await createPool({ adapter: adapter(), store });
  await pool.sessions.create("ada", { metadata: { visits: 0 } });
  const visit = () => pool.sessions.update("ada", ({ visits }) => ({ visits: Number(visits) + 1 }));
  await Promise.all(Array.from({ length: 20 }, visit));
  expect(await pool.session("ada").info()).toMatchObject({ metadata: { visits: 20 } });
  const thrown = pool.sessions.update("ada", () => {
    throw new RangeError("no");
  });
  await expect(thrown).rejects.toThrow(new RangeError("no"));
  await expect(pool.sessions.update("nobody", (same) => same)).rejects.toMatchObject({
    code: "SESSION_NOT_FOUND",
  });
});

test("a temporary session ends with its block, whether it has a name or not", async () => {
  await using store = memoryStore();
  await using pool = await createPool({ adapter: adapter(), store });
  {
    await using unnamed = pool.session();
    await using named = pool.session("temp_upload");
    expect(unnamed.id).toMatch(/^temp_[0-9a-f-]{36}$/);
    await Promise.all([unnamed.execute("who"), named.execute("who")]);
    expect(await pool.sessions.list()).toHaveLength(2);
  }
  expect(await pool.sessions.list()).toEqual([]);
});

test("a pool that closes leaves named sessions in a store that outlives it, and no temporary one", async () => {
  await using store = memoryStore();
  {
    await using pool = await createPool({ adapter: adapter(), store });
    await pool.session().execute("who");
    await pool.session("ada").execute("who");
  }
  await using next = await createPool({ adapter: adapter(), store });
  expect((await next.sessions.list()).map(({ id }) => id)).toEqual(["ada"]);
});

test("the global session belongs to everybody: it never ends, and its records are the pool's", async () => {
  await using pool = await createPool({ adapter: adapter() });
  const session = pool.session("global");
  expect(await session.execute("who")).toBe("global");
  await session.records("programs").set("qa", { signature: "question -> answer" });
  expect(await pool.records("programs").get("qa")).toMatchObject({ version: 1 });
  await expect(session.delete()).rejects.toMatchObject({ code: "NOT_ALLOWED" });
  expect(() => pool.session("global", { ttlMs: 5 })).toThrow(/belongs to everybody/);
  await expect(pool.sessions.create("global")).rejects.toThrow(/not the id of a single session/);
  expect(await session.info()).toMatchObject({ id: "global", expiresAtMs: Infinity });
});

test("calls in the scope of a session belong to it, also after an await and in a scope within", async () => {
  await using pool = await createPool({ adapter: adapter(), minWorkers: 2 });
  await using other = await createPool({ adapter: adapter() });
  const ada = pool.session("ada");
  const said = await ada.run(async () => {
    await new AsyncLocalStorage().run({}, () => Promise.resolve());
    const inner = await pool.session("grace").run(() => pool.execute("who"));
    const named = await pool.session("linus").execute("who");
    return [await pool.execute("who"), inner, named, await other.execute("who")];
  });
  expect(said).toEqual(["ada", "grace", "linus", undefined]);
  expect(await pool.execute("who")).toBeUndefined();
});

test("a slot is made once for each session, and let go when the session ends", async () => {
  const disposed: string[] = [];
  const made: string[] = [];
  const history = new SessionSlot<string[]>(
    "history",
    (id) => {
      made.push(id);
      return [id];
    },
    (list) => disposed.push(list.join()),
  );
  await using pool = await createPool({ adapter: adapter() });
  const ada = pool.session("ada");
  ada.get(history).push("hello");
  expect(pool.session("ada").get(history)).toEqual(["ada", "hello"]);
  expect(pool.session("grace").get(history)).toEqual(["grace"]);
  expect(made).toEqual(["ada", "grace"]);
  await ada.delete();
  expect(disposed).toEqual(["ada,hello"]);
  expect(() => ada.get(history)).toThrow(/has ended/);
});

const cycle: Record<string, unknown> = {};
cycle["self"] = cycle;

test.each<[string, SessionOptions, RegExp]>([
  ["a ttl of 0", { ttlMs: 0 }, /ttlMs must be an integer of at least 1 or Infinity, not 0/],
  ["a ttl below 0", { ttlMs: -5 }, /ttlMs must be .* not -5/],
  ["metadata that is no object", { metadata: "pro" as never }, /metadata must be an object/],
  [
    "metadata with a function",
    { metadata: { done: () => {} } },
    /metadata\.done is a function, which JSON cannot hold/,
  ],
  ["metadata with NaN", { metadata: { a: [Number.NaN] } }, /metadata\.a\[0\] is NaN/],
  [
    "metadata with a date",
    { metadata: { at: new Date(0) } },
    /metadata\.at is an instance of Date/,
  ],
  ["metadata that contains itself", { metadata: cycle }, /contains itself/],
  ["metadata that is too long", { metadata: { a: "x".repeat(262_144) } }, /above the 262144/],
  ["a pool that is another's", { pool: "generel" }, /no pool "generel"; did you mean general/],
  ["an option that does not exist", { ttl: 5 } as never, /no option "ttl"; meant ttlMs/],
])("%s is refused at once", async (_what, options, message) => {
  await using pool = await createPool({ adapter: adapter(), name: "general" });
  expect(() => pool.session("ada", options)).toThrow(message);
  expect(pool.stats().sessions).toBe(0);
});

test("an id that is taken cannot be created again, and one that is no id not at all", async () => {
  await using pool = await createPool({ adapter: adapter() });
  await pool.sessions.create("ada");
  await expect(pool.sessions.create("ada")).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining('there is a session "ada" already'),
  });
  for (const id of ["../etc", "a\0b", "", "x".repeat(201)]) {
    expect(() => pool.session(id)).toThrow(/a session id is 1 to 200 of the characters/);
    await expect(pool.sessions.get(id)).rejects.toThrow(/a session id is/);
  }
});

test("a default deadline counts for a call whose session was looked for when the first worker came", async () => {
  const clock = fakeClock();
  const { store, hold, release } = slowStore();
  const stuck = fakeAdapter({ concurrency: 8 });
  const options = { adapter: stuck, store, clock, minWorkers: 0, callTimeoutMs: 300 };
  await using pool = await createPool(options);
  hold();
  const call = pool.session("ada").execute("slow");
  call.catch(() => {});
  const ready = nextEvent(pool, "worker-ready");
  pool.execute("slow").catch(() => {});
  await ready;
  release();
  await stuck.received("slow", 2);
  await clock.advance(400);
  await expect(call).rejects.toMatchObject({ code: "TIMEOUT" });
});

test("the time that a store takes is no time in the queue", async () => {
  const { store, hold, release } = slowStore();
  await using pool = await createPool({ adapter: adapter(), store });
  hold();
  const calls = [0, 10].map((queueTimeoutMs) =>
    pool.session("ada").execute("who", {}, { queueTimeoutMs }),
  );
  await new Promise((resolve) => setTimeout(resolve, 30)); // longer than both may wait
  release();
  expect(await Promise.all(calls)).toEqual(["ada", "ada"]);
});

test("calls that wait for a store are bounded like those that wait for a worker", async () => {
  const { store, hold, release } = slowStore();
  await using pool = await createPool({ adapter: adapter(), store, maxQueue: 2, maxWorkers: 1 });
  hold();
  const calls = Array.from({ length: 10 }, (_, n) => pool.session(`s${n}`).execute("who"));
  const settled = Promise.allSettled(calls);
  release();
  const ends = (await settled).map((end) => (end.status === "rejected" ? end.reason.code : "ok"));
  expect(ends.filter((end) => end === "QUEUE_FULL")).toHaveLength(7);
});

test("a session that is opened again just after its time is a new one, and the old one has expired", async () => {
  const clock = fakeClock();
  await using pool = await createPool({ adapter: adapter(), clock, heartbeatMs: 3_600_000 });
  const events = recorded(pool);
  const old = pool.session("ada", { ttlMs: 5_000 });
  await old.records("variables").set("x", 1);
  const before = clock.now();
  await clock.advance(5_000 - 1);
  await clock.advance(1);
  expect(clock.now() - before).toBe(5_000);
  expect(await pool.session("ada").execute("who")).toBe("ada");
  expect(await pool.session("ada").records("variables").get("x")).toBeUndefined();
  await expect(old.execute("who")).rejects.toMatchObject({
    code: "SESSION_NOT_FOUND",
    outcome: "not-started",
  });
  const told = events.map(({ name }) => name).filter((name) => name.startsWith("session-"));
  expect(told).toEqual(["session-created", "session-expired", "session-created"]);
});

test("a temporary session that was refused takes nothing with it that is another's", async () => {
  await using store = memoryStore();
  await using owner = await createPool({ adapter: adapter(), store });
  await using other = await createPool({ adapter: adapter(), store });
  const own = owner.session("temp_job", { metadata: { by: "owner" } });
  await own.records("variables").set("x", 1);
  {
    await using refused = other.session("temp_job", { metadata: { by: "other" } });
    await expect(refused.execute("who")).rejects.toThrow(/is open with metadata/);
  }
  expect(await own.records("variables").get("x")).toMatchObject({ value: 1 });
});

test("sessions that the quota refuses are not kept", async () => {
  await using pool = await createPool({ adapter: adapter(), maxSessions: 5 });
  const calls = Array.from({ length: 50 }, (_, n) => pool.session(`s${n}`).execute("who"));
  await Promise.allSettled(calls);
  expect(pool.stats().sessions).toBe(5);
  await pool.session("s0").delete();
  const late = pool.session("s49");
  expect(await late.execute("who")).toBe("s49");
  expect(pool.session("s49")).toBe(late);
});

test("a slot that cannot be let go keeps no session from ending", async () => {
  const warned = nextWarning();
  const slot = new SessionSlot(
    "history",
    () => 1,
    () => {
      throw new Error("disk full");
    },
  );
  await using pool = await createPool({ adapter: adapter() });
  const session = pool.session("ada");
  await session.execute("who");
  session.get(slot);
  await session.delete();
  expect(await pool.sessions.exists("ada")).toBe(false);
  expect(await warned).toContain("session slot history could not be let go: Error: disk full");
});

test("a deletion that the store did not answer is made up for at the next try", async () => {
  const { store, fail, answer } = failingStore();
  await using pool = await createPool({ adapter: adapter(), store });
  const session = pool.session("ada");
  await session.execute("who");
  fail();
  await expect(session.delete()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  await expect(session.delete()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  answer();
  await session.delete();
  expect(await pool.sessions.exists("ada")).toBe(false);
});

test("whoever reads or writes a session that was deleted elsewhere is told, and it has ended here", async () => {
  await using store = memoryStore();
  await using here = await createPool({ adapter: adapter(), store });
  for (const use of ["get", "list", "set"] as const) {
    const session = here.session("ada", { ttlMs: Number.POSITIVE_INFINITY });
    await session.records("variables").set("x", 1);
    await store.deleteSession("ada");
    await expect(session.records("variables")[use]("x", 1)).rejects.toMatchObject({
      code: "SESSION_NOT_FOUND",
    });
    await expect(session.execute("who")).rejects.toMatchObject({ code: "SESSION_NOT_FOUND" });
  }
});

test("metadata in another order is the same, and an update that is no function or returns nothing is refused", async () => {
  await using pool = await createPool({ adapter: adapter() });
  await pool.session("ada", { metadata: { a: 1, b: { c: 2, d: 3 } } }).execute("who");
  const same = pool.session("ada", { metadata: { b: { d: 3, c: 2 }, a: 1 } });
  await expect(same.update({ a: 1 } as never)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("update takes a function from the metadata"),
  });
  await expect(same.update(() => undefined as never)).rejects.toThrow(
    /must return the new metadata, not undefined/,
  );
  expect(await same.info()).toMatchObject({ metadata: { a: 1 } });
});

test("everything that has expired is swept in one go, and each session is told once", async () => {
  const clock = fakeClock();
  await using pool = await createPool({ adapter: adapter(), clock });
  const events = recorded(pool);
  for (let n = 0; n < 1_200; n++) await pool.sessions.create(`s${n}`, { ttlMs: 60_000 });
  for (let n = 0; n < 700; n++) await pool.session(`s${n}`).execute("who");
  await clock.advance(62_000);
  await pool.sessions.sweep();
  await clock.advance(62_000);
  const expired = events.filter(({ name }) => name === "session-expired");
  expect(expired).toHaveLength(1_200);
  expect(new Set(expired.map((event) => (event as { sessionId: string }).sessionId)).size).toBe(
    1_200,
  );
});

test("a session is told to have expired once, also when the store fails to sweep in between", async () => {
  const clock = fakeClock();
  const { store, fail, answer } = failingStore({ clock });
  await using pool = await createPool({ adapter: adapter(), store, clock });
  const events = recorded(pool);
  await pool.session("ada", { ttlMs: 60_000 }).execute("who");
  fail("sweep");
  await clock.advance(70_000);
  answer();
  await clock.advance(70_000);
  expect(await pool.sessions.list()).toEqual([]);
  expect(events.filter(({ name }) => name === "session-expired")).toEqual([
    { name: "session-expired", sessionId: "ada" },
  ]);
});

test("after the end of a pool its store is asked nothing, and no event comes", async () => {
  const { store, hold, release } = slowStore();
  const clock = fakeClock();
  const pool = await createPool({ adapter: adapter(), store, clock });
  const events = recorded(pool);
  hold();
  const call = pool.session("temp_late", { ttlMs: 1_000 }).execute("who");
  await Promise.allSettled([call, pool.close({ graceMs: 0 })]);
  release();
  await expect.poll(async () => (await store.listSessions()).length).toBe(0);
  await clock.advance(120_000);
  expect(events.at(-1)?.name).toBe("pool-closed");
});

test("a pool whose adapter cannot close has closed its store all the same", async () => {
  await using store = memoryStore();
  const inner = adapter();
  const broken: Adapter = {
    name: "broken",
    launcher: inner.launcher,
    spec: () => inner.spec(),
    connect: (process, options) => inner.connect(process, options),
    close: () => Promise.reject(new Error("stuck")),
  };
  const pool = await createPool({ adapter: broken, store });
  await pool.session().execute("who");
  await expect(pool.close()).rejects.toThrow("stuck");
  expect(await store.listSessions()).toEqual([]);
});

test("what is no function, slot or listener is refused by name", async () => {
  await using pool = await createPool({ adapter: adapter() });
  const session = pool.session("ada");
  expect(() => session.run("work" as never)).toThrow(/run takes a function, not "work"/);
  expect(() => session.get({} as never)).toThrow(/asked for what a SessionSlot holds/);
  await expect(session.records("v").watch("x" as never)).rejects.toThrow(/must be a function/);
  await expect(session.records("v").write([{ kind: "set" } as never])).rejects.toThrow(
    /a step of write is \{ set: name, value \}/,
  );
});

function nextWarning(): Promise<string> {
  return new Promise((resolve) => process.once("warning", ({ message }) => resolve(message)));
}
