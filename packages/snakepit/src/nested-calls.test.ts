import { expect, test } from "vitest";
import { createPool } from "./create-pool.ts";
import { gate } from "./fixtures/gate.ts";
import { until } from "./fixtures/until.ts";
import { hold } from "./hold.ts";
import type { Pool } from "./pool.ts";
import { type FakeHandler, fakeAdapter } from "./testing/fake-adapter.ts";

/** A pool whose commands may call the pool itself, as tools of the host do. */
async function poolWith(
  handlers: (pool: () => Pool) => Record<string, FakeHandler>,
  options: { maxWorkers?: number; concurrency?: number; callTimeoutMs?: number } = {},
) {
  const { concurrency = 1, maxWorkers = 1, callTimeoutMs = 30_000 } = options;
  let pool: Pool | undefined;
  const adapter = fakeAdapter({ concurrency, handlers: handlers(() => pool as Pool) });
  pool = await createPool({ adapter, minWorkers: maxWorkers, maxWorkers, callTimeoutMs });
  return { pool, adapter };
}

test("every slot of a one-slot pool may hold a call whose tool calls the pool, ten levels deep", async () => {
  const { pool } = await poolWith((pool) => ({
    down: (args, context) => {
      const n = args as number;
      if (n === 0) return 0;
      return context.callHost(async () => 1 + Number(await pool().execute("down", n - 1)));
    },
  }));
  await using _ = pool;
  // Side by side, so that strangers wait for the slot while the first one is parked.
  const depths = await Promise.all(Array.from({ length: 20 }, () => pool.execute("down", 10)));
  expect(depths).toEqual(Array(20).fill(10));
  expect(pool.stats()).toMatchObject({ queued: 0, running: 0, failed: 0 });
});

test("one call may make many nested calls at once, and they share its slot in turn", async () => {
  const { pool, adapter } = await poolWith((pool) => ({
    sum: (_, context) =>
      context.callHost(async () => {
        const parts = await Promise.all([1, 2, 3, 4].map((n) => pool().execute("echo", n)));
        return parts.reduce((sum: number, part) => sum + Number(part), 0);
      }),
  }));
  await using _ = pool;
  expect(await pool.execute("sum")).toBe(10);
  expect(adapter.mostCallsAtOnce).toBe(2); // the parked one, and one of its own
});

test("two parked calls that need each other's worker do not wait for ever", async () => {
  const { pool } = await poolWith(
    (pool) => ({
      visit: (other, context) =>
        context.callHost(() =>
          pool()
            .session(other as string)
            .execute("echo", other, { affinity: "require" }),
        ),
    }),
    { maxWorkers: 2 },
  );
  await using _ = pool;
  const [a, b] = ["a", "b"].map((id) => pool.session(id));
  // Each session at home on a worker of its own.
  await Promise.all([a?.execute("echo", 1), b?.execute("echo", 1)]);
  expect(a?.worker()?.id).not.toBe(b?.worker()?.id);
  const both = await Promise.all([a?.execute("visit", "b"), b?.execute("visit", "a")]);
  expect(both).toEqual(["b", "a"]);
});

test("a nested call never waits behind strangers", async () => {
  const order: string[] = [];
  const held = gate();
  const { pool, adapter } = await poolWith((pool) => ({
    outer: (_, context) =>
      context.callHost(async () => {
        await held.handler(undefined, context, "");
        await pool().execute("note", "nested");
      }),
    note: (args) => order.push(String(args)),
  }));
  await using _ = pool;
  const outer = pool.execute("outer");
  await adapter.received("outer");
  const strangers = [1, 2, 3].map((n) => pool.execute("note", `stranger ${n}`));
  expect(pool.stats().queued).toBe(3);
  held.open();
  await Promise.all([outer, ...strangers]);
  expect(order).toEqual(["nested", "stranger 1", "stranger 2", "stranger 3"]);
});

test("a nested call has no more time than the call that it serves", async () => {
  const seen: number[] = [];
  const { pool } = await poolWith((pool) => ({
    outer: (_, context) =>
      context.callHost(() => pool().execute("inner", 0, { timeoutMs: 60_000 })),
    inner: (_, context) => seen.push(context.deadlineMs - performance.now()),
  }));
  await using _ = pool;
  await pool.execute("outer", 0, { timeoutMs: 5_000 });
  expect(seen[0]).toBeLessThanOrEqual(5_000);
});

test("the end of a call ends the calls that it has made through the host", async () => {
  const ended: unknown[] = [];
  const { pool, adapter } = await poolWith((pool) => ({
    outer: (_, context) =>
      context.callHost(() =>
        pool()
          .execute("slow")
          .catch((error) => ended.push(error)),
      ),
  }));
  await using _ = pool;
  const cancel = new AbortController();
  const outer = pool.execute("outer", 0, { signal: cancel.signal });
  await adapter.received("slow");
  cancel.abort(new Error("enough"));
  await expect(outer).rejects.toThrow("enough");
  await expect.poll(() => ended).toEqual([expect.objectContaining({ message: "enough" })]);
  await expect.poll(() => pool.stats().running).toBe(0);
});

test("a nested call belongs to the session of the call that it serves", async () => {
  const { pool } = await poolWith((pool) => ({
    outer: (_, context) => context.callHost(() => pool().execute("who")),
    who: (_, context) => context.session?.id ?? "none",
  }));
  await using _ = pool;
  expect(await pool.session("ada").execute("outer")).toBe("ada");
  expect(await pool.execute("outer")).toBe("none");
});

test("a call may still finish its nested calls while the pool closes", async () => {
  const held = gate();
  const { pool, adapter } = await poolWith((pool) => ({
    outer: (_, context) =>
      context.callHost(async () => {
        await held.handler(undefined, context, "");
        return pool().execute("echo", "to the end");
      }),
  }));
  const outer = pool.execute("outer");
  await adapter.received("outer");
  const closed = pool.close();
  await expect(pool.execute("echo", 1)).rejects.toMatchObject({ code: "POOL_CLOSED" });
  held.open();
  expect(await outer).toBe("to the end");
  await closed;
});

test("calls without end through each other are refused with their chain", async () => {
  const { pool } = await poolWith((pool) => ({
    again: (_, context) => context.callHost(() => pool().execute("again")),
  }));
  await using _ = pool;
  await expect(pool.execute("again")).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("again > again > again"),
  });
});

test("work of the host that outlives its call leaves no slot parked", async () => {
  const held = gate();
  const { pool } = await poolWith(() => ({
    forgetful: (_, context) => {
      void context.callHost(async () => held.handler(undefined, context, ""));
      return "done";
    },
  }));
  await using _ = pool;
  expect(await pool.execute("forgetful")).toBe("done");
  held.open();
  expect(await Promise.all([1, 2].map((n) => pool.execute("echo", n)))).toEqual([1, 2]);
  expect(pool.workers()).toMatchObject([{ load: 0 }]);
});

test("a nested call that is refused stays refused when the call that it serves ends", async () => {
  const held = gate();
  const refused: unknown[] = [];
  const { pool, adapter } = await poolWith((pool) => ({
    outer: (_, context) =>
      context.callHost(async () => {
        const session = pool().session("gone");
        await session.delete();
        await session.execute("echo").catch((error) => refused.push(error.code));
        await pool()
          .execute("slow")
          .catch((error) => refused.push(error.message));
        await held.handler(undefined, context, "");
      }),
  }));
  await using _ = pool;
  const holds = hold.count;
  const cancel = new AbortController();
  const outer = pool.execute("outer", {}, { signal: cancel.signal });
  await adapter.received("slow");
  cancel.abort(new Error("enough"));
  await expect(outer).rejects.toThrow("enough");
  await until(() => refused.length === 2);
  expect(refused).toEqual(["SESSION_NOT_FOUND", "enough"]);
  expect(hold.count).toBe(holds);
  held.open();
  await until(() => pool.stats().running === 0);
  expect(pool.stats().failed).toBe(2); // a call that is refused was never one of the pool's
});

test.each(["before", "after"])(
  "host work of a lost attempt that ends %s the next one leaves no slot parked",
  async (when) => {
    const [lost, second] = [gate(), gate()];
    let attempts = 0;
    const { pool, adapter } = await poolWith((pool) => ({
      outer: (_, context) => {
        attempts++;
        if (attempts === 1) return context.callHost(() => lost.handler(undefined, context, ""));
        if (attempts === 2) return second.handler(undefined, context, "");
        return context.callHost(() => pool().execute("echo", "no deadlock"));
      },
    }));
    await using _ = pool;
    const outer = pool.execute("outer", {}, { idempotent: true });
    await adapter.received("outer");
    adapter.kill(adapter.workerIds()[0] as string);
    await adapter.received("outer", 2);
    if (when === "before") lost.open();
    second.open("done");
    expect(await outer).toBe("done");
    if (when === "after") lost.open();
    expect(await pool.execute("outer")).toBe("no deadlock");
  },
);

test("a nested call ends with the call that it serves, also when that is lost or its pool closed", async () => {
  const held = gate();
  const other = fakeAdapter({ handlers: { held: held.handler }, concurrency: 2 });
  await using elsewhere = await createPool({ adapter: other });
  const failures: unknown[] = [];
  const { pool, adapter } = await poolWith(() => ({
    outer: (_, context) =>
      context.callHost(() => elsewhere.execute("held").catch((error) => failures.push(error.code))),
  }));
  const lost = expect(pool.execute("outer")).rejects.toMatchObject({ code: "WORKER_EXITED" });
  await other.received("held");
  adapter.kill(adapter.workerIds()[0] as string);
  await lost;
  await until(() => failures.length === 1);
  const closed = expect(pool.execute("outer")).rejects.toMatchObject({ code: "CANCELLED" });
  await other.received("held", 2);
  await pool.close({ graceMs: 0 });
  await closed;
  await until(() => failures.length === 2);
  expect(failures).toEqual(["CANCELLED", "CANCELLED"]);
  held.open();
  held.open();
});

test("a nested call that comes too late is refused and never sent: the deadline is over, or the pool closed", async () => {
  const held = gate();
  const late: unknown[] = [];
  const { pool, adapter } = await poolWith((pool) => ({
    inner: () => late.push("sent"),
    outer: (_, context) =>
      context.callHost(async () => {
        const endMs = performance.now() + 60;
        while (performance.now() < endMs); // the host is busy until the deadline is over
        await pool()
          .execute("inner")
          .catch((error) => late.push([error.code, error.outcome]));
      }),
    patient: (_, context) =>
      context.callHost(async () => {
        await held.handler(undefined, context, "");
        await pool()
          .execute("inner", 0, { timeoutMs: Number.POSITIVE_INFINITY })
          .catch((error) => late.push(error.code));
      }),
  }));
  await pool.execute("outer", 0, { timeoutMs: 30 }).catch(() => {}); // its answer may be first
  expect(late).toEqual([["TIMEOUT", "not-started"]]);
  const patient = expect(pool.execute("patient")).rejects.toMatchObject({ code: "CANCELLED" });
  await adapter.received("patient");
  await pool.close({ graceMs: 0 });
  await patient;
  held.open();
  await until(() => late.length === 2);
  expect(late[1]).toBe("POOL_CLOSED");
});
