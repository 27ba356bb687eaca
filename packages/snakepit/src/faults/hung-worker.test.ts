import { expect, test } from "vitest";
import { nextEvent, recorded } from "../fixtures/events.ts";
import { failure, faultyPool, kill, lightPool } from "../fixtures/real-pools.ts";

// A busy machine may keep a good worker from answering for a while; none is to be blamed for that.
const heartbeats = { heartbeatMs: 250, hungMs: 1_000 };

test("an idle worker that is halted is suspected, then replaced", async () => {
  await using real = await lightPool({ ...heartbeats });
  const { pool } = real;
  const [halted] = pool.workers();
  const events = recorded(pool);
  const stopped = nextEvent(pool, "worker-stopped");
  kill([halted?.pid], "SIGSTOP");
  expect(await stopped).toMatchObject({ workerId: halted?.id, reason: "hung", lostCalls: 0 });
  const names = events.filter((one) => "workerId" in one && one.workerId === halted?.id);
  expect(names.map(({ name }) => name)).toEqual([
    "worker-suspect",
    "worker-draining",
    "worker-stopped",
  ]);
  await real.untilReady(2);
  expect(real.pids()).not.toContain(halted?.pid);
  expect(await pool.execute("echo", "well")).toBe("well");
});

test("a worker that was only halted for a while gets no calls meanwhile, and serves again", async () => {
  const patient = { heartbeatMs: 100, hungMs: 60_000 };
  await using real = await lightPool({ ...patient, minWorkers: 1, maxWorkers: 1 });
  const { pool } = real;
  const [pid] = real.pids();
  const suspected = nextEvent(pool, "worker-suspect");
  kill([pid], "SIGSTOP");
  await suspected;
  const call = pool.execute("pid");
  expect(pool.stats()).toMatchObject({ queued: 1, workers: { ready: 0 } });
  kill([pid], "SIGCONT");
  expect(await call).toBe(pid);
});

test("the call of a halted worker is answered at its deadline, and the worker replaced after the grace", async () => {
  await using real = await lightPool({
    ...heartbeats,
    minWorkers: 1,
    maxWorkers: 1,
    cancelGraceMs: 100,
  });
  const { pool } = real;
  await pool.execute("echo", 1);
  const [pid] = real.pids();
  const stopped = nextEvent(pool, "worker-stopped");
  const call = failure(pool.execute("sleep", 0.1, { timeoutMs: 300 }));
  kill([pid], "SIGSTOP");
  expect(await call).toMatchObject({ code: "TIMEOUT", outcome: "unknown" });
  expect(await pool.execute("pid")).not.toBe(pid);
  expect(await stopped).toMatchObject({ reason: "cancel-ignored", lostCalls: 1 });
});

test("a handler that never returns costs its deadline and its worker, and nobody else anything", async () => {
  await using real = await faultyPool({ minWorkers: 2, maxWorkers: 2, cancelGraceMs: 100 });
  const { pool } = real;
  const before = real.pids();
  const abandoned = nextEvent(pool, "call-abandoned");
  const stopped = nextEvent(pool, "worker-stopped");
  const neighbour = pool.execute("deaf", { name: "neighbour", ms: 500 });
  const error = await failure(pool.execute("spin", {}, { timeoutMs: 200 }));
  expect(error).toMatchObject({ code: "TIMEOUT", outcome: "unknown", details: { timeoutMs: 200 } });
  const { workerId } = await abandoned;
  expect(await neighbour).toBe("neighbour");
  expect(await stopped).toMatchObject({ workerId, reason: "cancel-ignored", cause: "stopped" });
  await real.untilReady(2);
  expect(real.pids().filter((pid) => before.includes(pid))).toHaveLength(1);
});

test("a call that ignores its cancel leaves the other calls of its worker time to end", async () => {
  await using real = await faultyPool({ env: { SLOTS: "3" }, cancelGraceMs: 50 });
  const { pool } = real;
  const [pid] = real.pids();
  const abandoned = nextEvent(pool, "call-abandoned");
  const stopped = nextEvent(pool, "worker-stopped");
  const neighbour = pool.execute("deaf", { name: "neighbour", ms: 600 });
  const cancel = new AbortController();
  const deaf = failure(pool.execute("deaf", { name: "deaf", ms: 60_000 }, cancel));
  await pool.execute("echo", "both are on their way");
  cancel.abort(new Error("changed my mind"));
  expect(await deaf).toMatchObject({ message: "changed my mind" });
  await abandoned;
  expect(await pool.execute("pid")).not.toBe(pid);
  expect(await neighbour).toBe("neighbour");
  expect(await stopped).toMatchObject({ reason: "cancel-ignored", lostCalls: 1 });
});

test("neighbours of a handler that never returns hear of it long before their deadline", async () => {
  await using real = await faultyPool({
    ...heartbeats,
    env: { SLOTS: "3" },
    cancelGraceMs: 100,
    drainMs: 60_000,
  });
  const { pool } = real;
  const neighbour = failure(pool.execute("deaf", { name: "neighbour", ms: 60_000 }));
  const spinning = failure(pool.execute("spin", {}, { timeoutMs: 200 }));
  expect(await spinning).toMatchObject({ code: "TIMEOUT" });
  expect(await neighbour).toMatchObject({
    code: "WORKER_EXITED",
    outcome: "unknown",
    message: expect.stringContaining("ignored a cancel"),
  });
  expect(await pool.execute("echo", "well")).toBe("well");
});
