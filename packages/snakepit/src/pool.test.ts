import { expect, test } from "vitest";
import { createPool } from "./create-pool.ts";
import { SnakepitError } from "./errors.ts";
import type { PoolEvent } from "./events.ts";
import { gate } from "./fixtures/gate.ts";
import { hold } from "./hold.ts";
import type { PoolOptions } from "./options.ts";
import type { CallOptions } from "./pool.ts";
import { type FakeHandler, fakeAdapter } from "./testing/fake-adapter.ts";

test("a call returns what the worker answers", async () => {
  await using pool = await createPool({ adapter: fakeAdapter() });
  expect(await pool.execute("echo", { text: "hi" })).toEqual({ text: "hi" });
  expect(pool.stats()).toMatchObject({ succeeded: 1, failed: 0, queued: 0, running: 0 });
});

test("waiting calls are served in the order in which they came", async () => {
  const { handler, open } = gate();
  const order: unknown[] = [];
  const adapter = fakeAdapter({ handlers: { first: handler, note: (args) => order.push(args) } });
  await using pool = await createPool({ adapter, maxWorkers: 1 });
  const blocked = pool.execute("first");
  const rest = [1, 2, 3].map((n) => pool.execute("note", n));
  expect(pool.stats().queued).toBe(3);
  open();
  await Promise.all([blocked, ...rest]);
  expect(order).toEqual([1, 2, 3]);
});

test("a cancelled call frees its slot only when the worker confirms", async () => {
  const adapter = fakeAdapter({ confirmCancelAfterMs: 20 });
  await using pool = await createPool({ adapter, maxWorkers: 1 });
  const cancel = new AbortController();
  const first = pool.execute("slow", {}, { signal: cancel.signal });
  await adapter.received("slow"); // otherwise the abort would only empty the queue
  const second = pool.execute("echo", 7);
  cancel.abort(new Error("changed my mind"));
  await expect(first).rejects.toThrow("changed my mind");
  expect(await second).toBe(7);
  expect(adapter.mostCallsAtOnce).toBe(1);
});

test("a call whose deadline passes in the queue is never sent", async () => {
  const { handler, open } = gate();
  const adapter = fakeAdapter({ handlers: { first: handler } });
  await using pool = await createPool({ adapter, maxWorkers: 1 });
  const blocked = pool.execute("first");
  const error = await pool.execute("echo", 1, { timeoutMs: 20 }).catch((e: unknown) => e);
  expect(SnakepitError.is(error, "TIMEOUT")).toBe(true);
  expect(error).toMatchObject({ outcome: "not-started", retryable: true });
  open();
  await blocked;
  expect(pool.stats().running).toBe(0);
  await pool.execute("echo", 2);
  const sent = await Promise.race([
    adapter.received("echo", 2).then(() => "twice"),
    pool.execute("first2").catch(() => "once"),
  ]);
  expect(sent).toBe("once");
});

test("a deadline answers the caller, and the outcome of the work is unknown", async () => {
  await using pool = await createPool({ adapter: fakeAdapter() });
  const error = await pool.execute("slow", {}, { timeoutMs: 20 }).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "TIMEOUT", outcome: "unknown", details: { timeoutMs: 20 } });
});

test("an abandoned call costs its worker, and the replacement starts before the worker ends", async () => {
  const adapter = fakeAdapter({
    concurrency: 2,
    confirmCancelAfterMs: Number.POSITIVE_INFINITY,
    handlers: {},
  });
  await using pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 2, cancelGraceMs: 20 });
  const events: PoolEvent["name"][] = [];
  pool.on("*", (event) => events.push(event.name));
  const [old] = adapter.workerIds();
  const cancel = new AbortController();
  const deaf = pool.execute("slow", {}, { signal: cancel.signal });
  await adapter.received("slow");
  const stopped = new Promise<unknown>((resolve) => pool.on("worker-stopped", resolve));
  cancel.abort();
  await expect(deaf).rejects.toThrow();
  expect(await stopped).toMatchObject({ workerId: old, reason: "cancel-ignored", lostCalls: 1 });
  expect(await pool.execute("echo", "still serving")).toBe("still serving");
  expect(events.indexOf("call-abandoned")).toBeLessThan(events.indexOf("worker-stopped"));
  expect(adapter.workerIds()).not.toContain(old);
});

test("neighbours of an abandoned call are not hurt", async () => {
  const { handler, open } = gate();
  const adapter = fakeAdapter({
    concurrency: 2,
    confirmCancelAfterMs: Number.POSITIVE_INFINITY,
    handlers: { innocent: handler },
  });
  await using pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 2, cancelGraceMs: 20 });
  const innocent = pool.execute("innocent");
  const cancel = new AbortController();
  const deaf = pool.execute("slow", {}, { signal: cancel.signal });
  await adapter.received("slow");
  const abandoned = new Promise((resolve) => pool.on("call-abandoned", resolve));
  const stopped = new Promise((resolve) => pool.on("worker-stopped", resolve));
  cancel.abort();
  await expect(deaf).rejects.toThrow();
  await abandoned;
  open("unharmed");
  expect(await innocent).toBe("unharmed");
  expect(await stopped).toMatchObject({ reason: "cancel-ignored" });
});

test("calls of a worker that dies fail with WORKER_EXITED, others go on, and it is replaced", async () => {
  const adapter = fakeAdapter();
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  const victim = pool.execute("slow");
  await adapter.received("slow");
  const busy = pool.workers().find((worker) => worker.load === 1)?.id ?? "";
  const ready = new Promise((resolve) => pool.on("worker-ready", resolve));
  adapter.kill(busy);
  const error = await victim.catch((e: unknown) => e);
  expect(error).toMatchObject({
    code: "WORKER_EXITED",
    outcome: "unknown",
    details: { workerId: busy, signal: "SIGKILL" },
  });
  expect(await pool.execute("echo", 1)).toBe(1);
  await ready;
  expect(pool.stats().workers.ready).toBe(2);
});

test("a full queue refuses at once and says when to come back", async () => {
  const { handler, open } = gate();
  await using pool = await createPool({
    adapter: fakeAdapter({ handlers: { first: handler } }),
    maxWorkers: 1,
    maxQueue: 1,
  });
  const running = pool.execute("first");
  const queued = pool.execute("echo", 1);
  const error = await pool.execute("echo", 2).catch((e: unknown) => e);
  expect(error).toMatchObject({
    code: "QUEUE_FULL",
    outcome: "not-started",
    details: { queued: 1, workers: 1 },
  });
  expect((error as SnakepitError<"QUEUE_FULL">).details.retryAfterMs).toBeGreaterThan(0);
  open();
  await Promise.all([running, queued]);
});

test("a crash loop degrades the pool: waiting calls are told why, and nothing spins", async () => {
  let starts = 0;
  const adapter = fakeAdapter({
    onStart: () => {
      starts++;
      throw new Error("no such library");
    },
  });
  await using pool = await createPool({ adapter, minWorkers: 0, maxWorkers: 1 });
  const error = await pool.execute("echo", 1).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "POOL_DEGRADED", outcome: "not-started" });
  expect(String(error)).toContain("no such library");
  expect(starts).toBe(5);
  await expect(pool.execute("echo", 1)).rejects.toMatchObject({ code: "POOL_DEGRADED" });
  expect(starts).toBe(5);
});

test("a pool whose every worker fails to start rejects with the reason", async () => {
  const adapter = fakeAdapter({
    onStart: () => {
      throw new Error("bad interpreter");
    },
  });
  await expect(createPool({ adapter, minWorkers: 2 })).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    message: expect.stringContaining("bad interpreter"),
  });
  expect(adapter.workerIds()).toEqual([]);
});

test("close lets running and waiting calls finish, and refuses new ones", async () => {
  const { handler, open } = gate();
  const pool = await createPool({
    adapter: fakeAdapter({ handlers: { first: handler } }),
    maxWorkers: 1,
  });
  const running = pool.execute("first");
  const waiting = pool.execute("echo", "last");
  const closed = pool.close();
  await expect(pool.execute("echo", 1)).rejects.toMatchObject({
    code: "POOL_CLOSED",
    outcome: "not-started",
  });
  expect(pool.close()).toBe(closed);
  open("done");
  expect(await running).toBe("done");
  expect(await waiting).toBe("last");
  await closed;
});

test("close without grace fails what runs and what waits, and every promise settles", async () => {
  const pool = await createPool({ adapter: fakeAdapter(), maxWorkers: 1 });
  const calls = [pool.execute("slow"), pool.execute("echo", 1)];
  await pool.close({ graceMs: 0 });
  const codes = (await Promise.allSettled(calls)).map(
    (one) => one.status === "rejected" && one.reason.code,
  );
  expect(codes).toEqual(["CANCELLED", "POOL_CLOSED"]);
});

test("a worker that dies at the moment it becomes ready gets no call", async () => {
  let starts = 0;
  const adapter: ReturnType<typeof fakeAdapter> = fakeAdapter({
    onStart: (workerId) => {
      if (++starts === 1) adapter.kill(workerId);
    },
  });
  await using pool = await createPool({ adapter, minWorkers: 0, maxWorkers: 1 });
  expect(await pool.execute("echo", 1)).toBe(1);
  expect(starts).toBe(2);
});

test("close waits for a worker that is still starting, and nothing is left of it", async () => {
  let begun!: () => void;
  const starting = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const adapter = fakeAdapter({
    onStart: () => {
      begun();
      return new Promise(() => {});
    },
  });
  const pool = await createPool({ adapter, minWorkers: 0, maxWorkers: 1 });
  const call = pool.execute("echo", 1);
  const refused = expect(call).rejects.toMatchObject({ code: "POOL_CLOSED" });
  await starting;
  await pool.close({ graceMs: 0 });
  expect(adapter.workerIds()).toEqual([]);
  await refused;
});

test("the program is held alive exactly while something is awaited", async () => {
  const before = hold.count;
  await using pool = await createPool({ adapter: fakeAdapter() });
  expect(hold.count).toBe(before);
  const cancel = new AbortController();
  const call = pool.execute("slow", {}, { signal: cancel.signal });
  expect(hold.count).toBe(before + 1);
  cancel.abort();
  await call.catch(() => {});
  await pool.execute("echo", 1, { timeoutMs: Number.NaN }).catch(() => {});
  expect(hold.count).toBe(before);
});

test("every bad option is named at once, with the value and the nearest known name", async () => {
  const bad = {
    adapter: fakeAdapter(),
    minWorkers: 5,
    maxWorkers: 2,
    maxQueue: -1,
    callTimeoutMs: Number.NaN,
    maxWorker: 3,
  };
  const error = await createPool(bad).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "INVALID_OPTIONS" });
  for (const part of [
    "minWorkers (5)",
    "maxWorkers (2)",
    "maxQueue",
    "-1",
    "callTimeoutMs",
    "NaN",
    "maxWorker",
  ]) {
    expect(String(error)).toContain(part);
  }
});

test.each([
  [undefined, /createPool must be an object, not undefined/],
  [{}, /adapter .*undefined/],
])("createPool(%o) says what it needs", async (options, message) => {
  const refused = createPool(options as unknown as PoolOptions);
  await expect(refused).rejects.toMatchObject({
    code: "INVALID_OPTIONS",
    outcome: "not-started",
    message: expect.stringMatching(message),
  });
});

test("listening to an event that does not exist, or with nothing, is refused", async () => {
  await using pool = await createPool({ adapter: fakeAdapter() });
  expect(() => pool.on("worker-stoped" as "worker-stopped", () => {})).toThrow(/worker-stopped/);
  expect(() => pool.on("worker-stopped", undefined as unknown as () => void)).toThrow(/function/);
});

test("a command that the adapter does not list is refused with the nearest name", async () => {
  const adapter = fakeAdapter({
    commands: {
      echo: {
        validate: (args) => {
          if (args === 0) throw new SnakepitError("INVALID_ARGUMENT", "0 is no text");
        },
      },
    },
  });
  await using pool = await createPool({ adapter });
  await expect(pool.execute("ecko")).rejects.toThrow("did you mean echo?");
  await expect(pool.execute("echo", 0)).rejects.toThrow("0 is no text");
});

test.each([undefined, null, 5, ""])(
  "%o is no command, and only its own call fails",
  async (command) => {
    await using pool = await createPool({ adapter: fakeAdapter() });
    const [bad, good] = await Promise.allSettled([
      pool.execute(command as string),
      pool.execute("echo", 1),
    ]);
    expect(bad).toMatchObject({ reason: { code: "INVALID_ARGUMENT", outcome: "not-started" } });
    expect(good).toMatchObject({ value: 1 });
  },
);

test("prepare and transform stand between caller and worker", async () => {
  const adapter = fakeAdapter({
    commands: { echo: { prepare: (args) => [args], transform: (reply) => ({ reply }) } },
  });
  await using pool = await createPool({ adapter });
  expect(await pool.execute("echo", 1)).toEqual({ reply: [1] });
});

const counting: FakeHandler = async function* () {
  for (let n = 0; n < 5; n++) yield n;
};

test("a stream hands over every chunk in order and then ends", async () => {
  await using pool = await createPool({ adapter: fakeAdapter({ handlers: { count: counting } }) });
  const seen: unknown[] = [];
  for await (const chunk of pool.stream("count")) seen.push(chunk);
  expect(seen).toEqual([0, 1, 2, 3, 4]);
  expect(pool.stats()).toMatchObject({ running: 0, succeeded: 1 });
});

test("leaving a stream cancels its producer and frees the slot", async () => {
  let finished = 0;
  const endless: FakeHandler = async function* () {
    try {
      for (let n = 0; ; n++) yield n;
    } finally {
      finished++;
    }
  };
  await using pool = await createPool({
    adapter: fakeAdapter({ handlers: { endless } }),
    maxWorkers: 1,
  });
  for await (const chunk of pool.stream("endless")) if (chunk === 3) break;
  expect(await pool.execute("echo", 1)).toBe(1);
  expect(finished).toBe(1);
  expect(pool.stats()).toMatchObject({ running: 0, succeeded: 2, failed: 0 });
});

test("a stream waits in the queue like any call, and its error comes after its chunks", async () => {
  const { handler, open } = gate();
  const failing: FakeHandler = async function* () {
    yield "one";
    throw new SnakepitError("REMOTE", "boom", { details: { type: "ValueError", message: "boom" } });
  };
  await using pool = await createPool({
    adapter: fakeAdapter({ handlers: { first: handler, failing } }),
    maxWorkers: 1,
  });
  const running = pool.execute("first");
  const stream = pool.stream("failing");
  const first = stream.next();
  expect(pool.stats().queued).toBe(1);
  open();
  await running;
  await expect(first).resolves.toEqual({ done: false, value: "one" });
  await expect(stream.next()).rejects.toThrow("boom");
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(pool.stats()).toMatchObject({ running: 0, failed: 1 });
});

test("a reader that waits too long for a chunk gets TIMEOUT, one that is slow itself does not", async () => {
  const stuck: FakeHandler = async function* (_args, context) {
    yield 1;
    await new Promise((_resolve, reject) => {
      context.signal.addEventListener("abort", () => reject(context.signal.reason), { once: true });
    });
  };
  await using pool = await createPool({
    adapter: fakeAdapter({ handlers: { stuck, count: counting } }),
    chunkTimeoutMs: 40,
  });
  const seen: unknown[] = [];
  for await (const chunk of pool.stream("count")) {
    seen.push(chunk);
    if (chunk === 1) await new Promise((resolve) => setTimeout(resolve, 80));
  }
  expect(seen).toHaveLength(5);
  const stream = pool.stream("stuck");
  await stream.next();
  await expect(stream.next()).rejects.toMatchObject({
    code: "TIMEOUT",
    details: { timeoutMs: 40 },
  });
});

test("aborting a stream wakes its reader with the signal's own reason", async () => {
  const stuck: FakeHandler = async function* (_args, context) {
    await new Promise((_resolve, reject) => {
      context.signal.addEventListener("abort", () => reject(context.signal.reason), { once: true });
    });
    yield 0;
  };
  const adapter = fakeAdapter({ handlers: { stuck } });
  await using pool = await createPool({ adapter, maxWorkers: 1 });
  const cancel = new AbortController();
  const reason = new Error("enough");
  const next = pool.stream("stuck", {}, { signal: cancel.signal }).next();
  await adapter.received("stuck");
  cancel.abort(reason);
  await expect(next).rejects.toBe(reason);
  expect(await pool.execute("echo", 1)).toBe(1);
});

test.each([
  [{ timeout: 5 } as CallOptions, /timeout.*timeoutMs/],
  [null as unknown as CallOptions, /must be an object, not null/],
  [{ timeoutMs: 0 }, /timeoutMs is 0/],
  [{ timeoutMs: -1 }, /timeoutMs is -1/],
  [{ timeoutMs: Number.NaN }, /timeoutMs is NaN/],
  [{ timeoutMs: "5s" as unknown as number }, /timeoutMs is "5s"/],
])("call options %o are refused with what is wrong in them", async (options, message) => {
  await using pool = await createPool({ adapter: fakeAdapter() });
  const refusal = {
    code: "INVALID_ARGUMENT",
    outcome: "not-started",
    message: expect.stringMatching(message),
  };
  await expect(pool.execute("echo", 1, options)).rejects.toMatchObject(refusal);
  await expect(pool.stream("echo", 1, options).next()).rejects.toMatchObject(refusal);
});
