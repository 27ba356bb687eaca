import { expect, test } from "vitest";
import { createPool } from "./create-pool.ts";
import { createPools } from "./create-pools.ts";
import { slowStore } from "./fixtures/slow-store.ts";
import type { NamedPoolOptions } from "./named-pool.ts";
import { SessionSlot } from "./session-slots.ts";
import { memoryStore } from "./store/memory-store.ts";
import { type FakeAdapter, fakeAdapter } from "./testing/fake-adapter.ts";

/** Its workers say which pool they are of, and whom they serve. */
function adapterOf(pool: string): FakeAdapter {
  const said = (_args: unknown, context: { session?: { id: string } | undefined }) =>
    context.session === undefined ? pool : `${pool} ${context.session.id}`;
  const letters = async function* () {
    yield pool;
  };
  return fakeAdapter({ handlers: { optimize: said, predict: said, letters } });
}

const two = () => ({
  general: { adapter: adapterOf("general"), minWorkers: 1, maxWorkers: 1 },
  optimizer: { adapter: adapterOf("optimizer"), minWorkers: 1, maxWorkers: 1 },
});
const route = (command: string) => (command === "optimize" ? "optimizer" : "general");

test("a session over several pools is one session, at home in each of them", async () => {
  await using pools = await createPools(two(), { route });
  const session = pools.session("ada", { metadata: { plan: "pro" } });
  expect(await session.execute("predict")).toBe("general ada");
  expect(await session.execute("optimize")).toBe("optimizer ada");
  expect(pools.pool("general").stats().sessions).toBe(1);
  expect(pools.pool("optimizer").stats().sessions).toBe(1);
  expect(await pools.sessions.list()).toMatchObject([{ id: "ada", metadata: { plan: "pro" } }]);
  await session.records("variables").set("x", 1);
  expect(await pools.pool("optimizer").session("ada").records("variables").get("x")).toMatchObject({
    value: 1,
  });
  await session.delete();
  expect(await pools.sessions.list()).toEqual([]);
  expect(pools.pool("general").stats().sessions).toBe(0);
  await expect(session.execute("predict")).rejects.toMatchObject({ code: "SESSION_NOT_FOUND" });
});

test("all calls of a bound session go to its pool, whoever opens it later", async () => {
  await using store = memoryStore();
  {
    await using pools = await createPools(two(), { route, store });
    const session = pools.session("ada", { pool: "optimizer" });
    expect(await session.execute("predict")).toBe("optimizer ada");
  }
  await using pools = await createPools(two(), { route, store });
  expect(await pools.session("ada").execute("predict")).toBe("optimizer ada");
  await expect(pools.pool("general").session("ada").execute("predict")).rejects.toThrow(
    /session "ada" is bound to the pool optimizer/,
  );
  expect(() => pools.session("grace", { pool: "optimiser" })).toThrow(
    /no pool "optimiser"; did you mean optimizer/,
  );
});

test("a bound session is found in a store that answers later, for streams, too", async () => {
  const { store } = slowStore();
  await using pools = await createPools(two(), { route, store });
  await pools.sessions.create("ada", { pool: "optimizer" });
  expect(await pools.session("ada").execute("predict")).toBe("optimizer ada");
  for await (const letter of pools.session("ada").stream("letters"))
    expect(letter).toBe("optimizer");
});

test("calls in the scope of a session belong to it in every pool", async () => {
  await using pools = await createPools(two(), { route });
  const said = await pools.session("ada").run(async () => {
    return [await pools.execute("predict"), await pools.pool("optimizer").execute("optimize")];
  });
  expect(said).toEqual(["general ada", "optimizer ada"]);
});

test("a temporary session over several pools ends in all of them with its block", async () => {
  await using pools = await createPools(two(), { route });
  {
    await using session = pools.session();
    await session.execute("predict");
    await session.execute("optimize");
    expect(await pools.sessions.stats()).toMatchObject({ sessions: 1, open: 2 });
  }
  expect(await pools.sessions.stats()).toMatchObject({ sessions: 0, open: 0 });
});

test("a busy pool and a broken one never touch the others, and their errors name them", async () => {
  const busy = fakeAdapter();
  const broken = fakeAdapter();
  await using pools = await createPools({
    general: { adapter: adapterOf("general") },
    busy: { adapter: busy, minWorkers: 1, maxWorkers: 1, maxQueue: 0 },
    broken: { adapter: broken, minWorkers: 1, maxWorkers: 1 },
  });
  const leaver = new AbortController();
  const slow = pools.pool("busy").execute("slow", {}, { signal: leaver.signal });
  await busy.received("slow");
  await expect(pools.pool("busy").execute("echo")).rejects.toMatchObject({
    code: "QUEUE_FULL",
    message: expect.stringMatching(/^\[QUEUE_FULL\] pool "busy": /),
    details: { pool: "busy" },
  });
  const lost = pools.pool("broken").execute("slow");
  await broken.received("slow");
  broken.kill(broken.workerIds()[0] ?? "");
  await expect(lost).rejects.toMatchObject({
    code: "WORKER_EXITED",
    outcome: "unknown",
    details: { pool: "broken", workerId: expect.any(String) },
  });
  const stream = pools.pool("busy").stream("echo");
  await expect(stream.next()).rejects.toMatchObject({ details: { pool: "busy" } });
  expect(await pools.execute("predict")).toBe("general");
  leaver.abort(new Error("left"));
  await expect(slow).rejects.toThrow(new Error("left"));
});

test("a pool is added and removed while the others work, and its events are heard", async () => {
  await using pools = await createPools(two(), { route });
  const heard: string[] = [];
  using _all = pools.on("worker-stopped", ({ reason }, pool) => heard.push(`${pool} ${reason}`));
  const added = await pools.add("extra", { adapter: adapterOf("extra") });
  expect(pools.names()).toEqual(["general", "optimizer", "extra"]);
  expect(await pools.pool("extra").execute("predict")).toBe("extra");
  expect(added).toBe(pools.pool("extra"));
  const running = pools.execute("predict");
  await pools.remove("extra");
  expect(heard).toEqual(["extra pool-closed"]);
  expect(await running).toBe("general");
  expect(pools.names()).toEqual(["general", "optimizer"]);
  expect(() => pools.pool("extra")).toThrow(/there is no pool "extra"/);
  expect(Object.keys(pools.stats())).toEqual(["general", "optimizer"]);
  expect(Object.keys(await pools.health())).toEqual(["general", "optimizer"]);
});

test("a pool with open sessions is removed only by force", async () => {
  await using pools = await createPools(two(), { route });
  await pools.session("ada").execute("optimize");
  await expect(pools.remove("optimizer")).rejects.toMatchObject({
    code: "NOT_ALLOWED",
    message: expect.stringContaining("1 session is open in the pool optimizer"),
  });
  expect(await pools.execute("optimize")).toBe("optimizer");
  await pools.remove("optimizer", { force: true });
  expect(pools.names()).toEqual(["general"]);
  await expect(pools.remove("general", { force: true })).rejects.toThrow(/is the last pool/);
});

test.each<[string, string, NamedPoolOptions, RegExp]>([
  ["a duplicate name", "general", { adapter: fakeAdapter() }, /there is a pool "general" already/],
  ["an empty name", "", { adapter: fakeAdapter() }, /name of a pool must be a string/],
  [
    "a bad option",
    "x",
    { adapter: fakeAdapter(), minWorkers: -1 },
    /^\[INVALID_OPTIONS\] pool "x": /,
  ],
  [
    "a store of its own",
    "x",
    { adapter: fakeAdapter(), store: memoryStore() } as never,
    /store cannot be an option of x alone/,
  ],
])("adding a pool with %s is refused", async (_what, name, options, message) => {
  await using pools = await createPools(two(), { route });
  await expect(pools.add(name, options)).rejects.toThrow(message);
  expect(pools.names()).toEqual(["general", "optimizer"]);
});

test("two pools of one name cannot be added side by side", async () => {
  await using pools = await createPools(two(), { route });
  const adds = [1, 2].map(() => pools.add("extra", { adapter: adapterOf("extra") }));
  const settled = await Promise.allSettled(adds);
  expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
});

test("a pool that is still on its way when all are closed is closed, too", async () => {
  const late = adapterOf("late");
  const pools = await createPools(two(), { route });
  const added = pools.add("late", { adapter: late });
  await pools.close();
  await expect(added).rejects.toMatchObject({ code: "POOL_CLOSED" });
  expect(late.workerIds()).toEqual([]);
  await expect(pools.add("later", { adapter: late })).rejects.toMatchObject({
    code: "POOL_CLOSED",
  });
});

test("a preset sets the timeouts that the options do not name", async () => {
  const adapter = fakeAdapter();
  await using pool = await createPool({
    adapter,
    preset: "strict",
    maxWorkers: 1,
    queueTimeoutMs: 20,
  });
  const leaver = new AbortController();
  const slow = pool.execute("slow", {}, { signal: leaver.signal });
  await adapter.received("slow");
  await expect(pool.execute("echo")).rejects.toMatchObject({
    code: "QUEUE_TIMEOUT",
    details: { timeoutMs: 20 },
  });
  leaver.abort();
  await expect(slow).rejects.toThrow();
  await expect(createPool({ adapter, preset: "quick" as never })).rejects.toThrow(
    /preset must be one of "balanced", "strict", "development", "batch", not "quick"/,
  );
});

test("records of everybody keep no pool from being removed", async () => {
  await using pools = await createPools(two(), { route });
  await pools.records("programs").set("qa", 1);
  expect(pools.stats().general.sessions).toBe(0);
  await pools.remove("general");
  expect(await pools.records("programs").get("qa")).toMatchObject({ value: 1 });
});

test("a session that is open in all pools cannot be bound to one of them", async () => {
  await using pools = await createPools(two(), { route });
  await pools.session("ada").execute("predict");
  const bound = async () => await pools.session("ada", { pool: "optimizer" }).execute("predict");
  await expect(bound()).rejects.toThrow(
    /session "ada" is open with no pool, not "optimizer"; delete it first or use another id/,
  );
});

test("a slot of a session over several pools is one, and is let go with the session", async () => {
  const disposed: string[] = [];
  const slot = new SessionSlot(
    "history",
    (id) => [id],
    (value) => disposed.push(value.join()),
  );
  await using pools = await createPools(two(), { route });
  const session = pools.session("ada");
  session.get(slot).push("hello");
  expect(pools.session("ada").get(slot)).toEqual(["ada", "hello"]);
  await session.execute("predict");
  await pools.sessions.delete("ada");
  expect(disposed).toEqual(["ada,hello"]);
  expect(() => session.get(slot)).toThrow(
    /session ada has ended; session\("ada"\) of its pool or bridge opens a new one/,
  );
  expect(pools.session("ada").get(slot)).toEqual(["ada"]);
});

test("in the scope of a bound session all calls go to its pool, and after its end none", async () => {
  await using pools = await createPools(two(), { route });
  const session = pools.session("ada", { pool: "general" });
  expect(await session.run(() => pools.execute("optimize"))).toBe("general ada");
  await session.delete();
  expect(() => session.run(() => pools.execute("optimize"))).toThrow(/has ended/);
  expect(await pools.sessions.exists("ada")).toBe(false);
});
