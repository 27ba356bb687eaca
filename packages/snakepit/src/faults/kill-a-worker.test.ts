import { rmSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { nextEvent } from "../fixtures/events.ts";
import { failure, kill, lightPool, load } from "../fixtures/real-pools.ts";
import { scratch } from "../fixtures/scratch.ts";
import { until } from "../fixtures/until.ts";

test("an idle worker that is killed is replaced, and no call notices", async () => {
  await using real = await lightPool();
  const { pool } = real;
  // One caller alone stays with the first worker.
  await using calls = load(pool, 1, { command: "sleep", args: 0.005 });
  await until(() => calls.succeeded > 3);
  const busy = pool.workers().find((worker) => worker.calls > 0)?.pid;
  const idle = pool.workers().find((worker) => worker.calls === 0)?.pid;
  const ready = nextEvent(pool, "worker-ready");
  const stopped = nextEvent(pool, "worker-stopped");
  kill([idle]);
  expect(await stopped).toMatchObject({ reason: "exited", cause: "signal", lostCalls: 0 });
  const { pid } = await ready;
  expect(real.pids().sort()).toEqual([busy, pid].sort());
  const answering = new Set<unknown>();
  while (!answering.has(pid)) {
    const pids = await Promise.all([1, 2, 3].map(() => pool.execute("sleep", 0.01)));
    for (const one of pids) answering.add(one);
  }
  expect(calls.failures).toEqual([]);
});

test("the call of a worker that is killed says what happened, and no other call fails", async () => {
  await using real = await lightPool();
  const { pool } = real;
  await pool.execute("echo", 1);
  const calls = [0.2, 0.2].map((seconds) => pool.execute("sleep", seconds));
  const [victim, other] = pool.workers();
  kill([victim?.pid]);
  const results = await Promise.allSettled(calls);
  expect(results).toContainEqual({ status: "fulfilled", value: other?.pid });
  const failed = results.find((result) => result.status === "rejected");
  expect(failed?.reason).toMatchObject({
    code: "WORKER_EXITED",
    outcome: "unknown",
    retryable: false,
    message: expect.stringContaining("was ended by SIGKILL while it ran sleep"),
    details: {
      workerId: victim?.id,
      signal: "SIGKILL",
      cause: "signal",
      stderr: "",
      history: [{ what: "ready" }, { what: "stopped: exited" }],
    },
  });
  await real.untilReady(2);
  expect(real.pids()).not.toContain(victim?.pid);
});

test("a stream brings what its worker had sent before it was killed, once and in order", async () => {
  await using real = await lightPool({ minWorkers: 1, maxWorkers: 1 });
  const { pool } = real;
  const chunks: unknown[] = [];
  const reading = (async () => {
    for await (const chunk of pool.stream("count", 100_000)) {
      chunks.push(chunk);
      if (chunks.length === 5) kill(real.pids());
    }
  })();
  expect(await failure(reading)).toMatchObject({
    code: "WORKER_EXITED",
    outcome: "unknown",
    details: { signal: "SIGKILL", cause: "signal" },
  });
  expect(chunks.length).toBeGreaterThanOrEqual(5);
  expect(chunks).toEqual(chunks.map((_, index) => index + 1));
  expect(await pool.execute("echo", "next")).toBe("next");
});

test("a worker that is killed while it starts costs a start and nothing else", async () => {
  using directory = scratch();
  const gate = directory.file("gate");
  await using real = await lightPool({ env: { BLOCKED: gate }, minWorkers: 1, maxWorkers: 3 });
  const { pool, launched } = real;
  writeFileSync(gate, "");
  const failed = nextEvent(pool, "worker-start-failed");
  const resized = pool.resize({ minWorkers: 3 });
  await until(() => launched.length > 1);
  kill([launched[1]]);
  const { error } = await failed;
  expect(error).toMatchObject({
    code: "WORKER_START_FAILED",
    outcome: "not-started",
    details: { reason: "exited", signal: "SIGKILL" },
  });
  expect(await pool.execute("echo", "meanwhile")).toBe("meanwhile");
  rmSync(gate);
  await resized;
  await real.untilReady(3);
  expect(pool.stats().workers).toEqual({ starting: 0, ready: 3, draining: 0 });
});

test("calls that wait while every worker is killed are served by the next ones", async () => {
  await using real = await lightPool({ minWorkers: 3 });
  const { pool } = real;
  await Promise.all([1, 2, 3].map(() => pool.execute("sleep", 0.01)));
  const running = [1, 2, 3].map(() => failure(pool.execute("sleep", 10)));
  const waiting = Array.from({ length: 20 }, (_, n) => pool.execute("echo", n));
  kill(real.pids());
  for (const error of await Promise.all(running))
    expect(error).toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
  expect(await Promise.all(waiting)).toEqual(waiting.map((_, n) => n));
  await real.untilReady(3);
});

test.each(["SIGKILL", "SIGSEGV"] as const)(
  "when %s ends every idle worker before it has served anybody, all come back by themselves",
  async (signal) => {
    await using real = await lightPool({ minWorkers: 3 });
    const before = real.pids();
    kill(before, signal);
    await until(() => !real.pids().some((pid) => before.includes(pid)));
    await real.untilReady(3);
    expect(await real.pool.execute("echo", 1)).toBe(1);
  },
);
