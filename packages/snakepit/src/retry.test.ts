import { expect, test } from "vitest";
import { createPool } from "./create-pool.ts";
import { SnakepitError } from "./errors.ts";
import { nextEvent, recorded } from "./fixtures/events.ts";
import { RetryBudget, retryDelayMs } from "./retry.ts";
import { fakeAdapter } from "./testing/fake-adapter.ts";
import { fakeClock } from "./testing/fake-clock.ts";

test("retries double their delay and are spread over half of it", () => {
  expect([0, 0.5, 1].map((random) => retryDelayMs(1, random))).toEqual([75, 100, 125]);
  expect([0, 0.5, 1].map((random) => retryDelayMs(2, random))).toEqual([150, 200, 250]);
});

test("the budget allows a burst, then a tenth of the calls and a few per second", () => {
  const budget = new RetryBudget();
  let taken = 0;
  while (budget.take(0)) taken++;
  expect(taken).toBe(100);
  for (let n = 0; n < 50; n++) budget.callEnded();
  taken = 0;
  while (budget.take(0)) taken++;
  expect(taken).toBe(5);
  taken = 0;
  while (budget.take(2_000)) taken++;
  expect(taken).toBe(6);
});

/** A worker that dies of its first calls; how often each call was begun. */
async function mortal(deaths: number, signal = "SIGSEGV") {
  const clock = fakeClock();
  const begun: string[] = [];
  const adapter = fakeAdapter({
    concurrency: 4,
    handlers: {
      risky: (name, _context, workerId) => {
        begun.push(String(name));
        if (begun.length > deaths) return name;
        adapter.kill(workerId, { kind: "signaled", signal });
        return new Promise(() => {});
      },
      async *risks(_args, _context, workerId) {
        begun.push("stream");
        if (begun.length <= deaths) {
          adapter.kill(workerId, { kind: "signaled", signal });
          await new Promise(() => {});
        }
        yield 1;
        yield 2;
      },
    },
  });
  const pool = await createPool({ adapter, clock, minWorkers: 2, maxWorkers: 2 });
  return { pool, clock, begun };
}

test("an idempotent call is tried again when its worker dies, three times in all", async () => {
  const { pool, clock, begun } = await mortal(2);
  await using _ = pool;
  const events = recorded(pool);
  const call = pool.execute("risky", "a", { idempotent: true });
  await clock.advance(1_000);
  expect(await call).toBe("a");
  expect(begun).toEqual(["a", "a", "a"]);
  const retries = events.filter((event) => event.name === "call-retried");
  expect(retries).toMatchObject([{ attempt: 2 }, { attempt: 3 }]);
  expect(pool.stats()).toMatchObject({ retried: 2, succeeded: 1, failed: 0 });
});

test("after three attempts its caller is told", async () => {
  const { pool, clock, begun } = await mortal(9);
  await using _ = pool;
  const call = pool.execute("risky", "a", { idempotent: true });
  const failed = expect(call).rejects.toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
  await clock.advance(2_000);
  await failed;
  expect(begun).toHaveLength(3);
});

test("a call whose workers somebody else kills is tried eight times", async () => {
  const { pool, clock, begun } = await mortal(9, "SIGKILL");
  await using _ = pool;
  const call = pool.execute("risky", "a", { idempotent: true });
  const failed = expect(call).rejects.toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
  await clock.advance(20_000);
  await failed;
  expect(begun).toHaveLength(8);
});

test("a call that is not idempotent is never sent twice", async () => {
  const { pool, clock, begun } = await mortal(1);
  await using _ = pool;
  const call = pool.execute("risky", "a");
  const failed = expect(call).rejects.toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
  await clock.advance(1_000);
  await failed;
  expect(begun).toEqual(["a"]);
});

test("an idempotent stream begins anew as long as nobody has read of it", async () => {
  const { pool, clock, begun } = await mortal(1);
  await using _ = pool;
  const chunks: unknown[] = [];
  const reading = (async () => {
    for await (const chunk of pool.stream("risks", {}, { idempotent: true })) chunks.push(chunk);
  })();
  await clock.advance(1_000);
  await reading;
  expect(chunks).toEqual([1, 2]);
  expect(begun).toEqual(["stream", "stream"]);
});

test("a call that waits for its next attempt can be cancelled, and closing tells it", async () => {
  const { pool, clock } = await mortal(9);
  const cancel = new AbortController();
  const retried = nextEvent(pool, "call-retried");
  const first = pool.execute("risky", "a", { idempotent: true, signal: cancel.signal });
  await retried;
  expect(pool.stats()).toMatchObject({ queued: 1, running: 0 });
  cancel.abort(new Error("enough"));
  await expect(first).rejects.toThrow("enough");
  const again = nextEvent(pool, "call-retried");
  const second = pool.execute("risky", "b", { idempotent: true });
  await again;
  const closed = expect(second).rejects.toMatchObject({ code: "POOL_CLOSED" });
  await pool.close({ graceMs: 0 });
  await closed;
  await clock.advance(1_000);
});

test("a call that its worker gives back unbegun goes to another, whoever asked for it", async () => {
  let refusals = 0;
  const adapter = fakeAdapter({
    handlers: {
      picky: (args, _context, workerId) => {
        if (refusals++ < 2)
          throw new SnakepitError("WORKER_BUSY", "not now", {
            outcome: "not-started",
            details: { workers: 1 },
          });
        return `${args} at ${workerId}`;
      },
    },
  });
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  expect(await pool.execute("picky", "served")).toMatch(/^served at w/);
  expect(pool.stats()).toMatchObject({ succeeded: 1, failed: 0, running: 0, queued: 0 });
});

test("a call that everybody gives back is told so in the end", async () => {
  const adapter = fakeAdapter({
    handlers: {
      never: () => {
        throw new SnakepitError("WORKER_BUSY", "not now", {
          outcome: "not-started",
          details: { workers: 1 },
        });
      },
    },
  });
  await using pool = await createPool({ adapter, maxWorkers: 1 });
  await expect(pool.execute("never")).rejects.toMatchObject({ code: "WORKER_BUSY" });
  expect(await pool.execute("echo", "still there")).toBe("still there");
});

test("a call that was on a worker once is never called unbegun, whatever it fails with", async () => {
  const { pool, clock } = await mortal(9);
  await using _ = pool;
  const retried = nextEvent(pool, "call-retried");
  const call = pool.execute("risky", "a", { idempotent: true, timeoutMs: 50 });
  const failed = expect(call).rejects.toMatchObject({
    code: "TIMEOUT",
    outcome: "unknown",
    retryable: false,
    message: expect.stringContaining("its worker was lost while it ran"),
  });
  await retried;
  await clock.advance(60);
  await failed;
});
