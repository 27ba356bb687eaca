import { expect, test } from "vitest";
import type { Connection } from "./adapter.ts";
import { createPool } from "./create-pool.ts";
import { SnakepitError } from "./errors.ts";
import { type FakeAdapter, fakeAdapter } from "./testing/fake-adapter.ts";
import { fakeClock } from "./testing/fake-clock.ts";

/**
 * Workers of two slots, of which those in `calledShort` call everything short: what is packed onto
 * one waits until its first call is let go of, or until it has been recalled. Calls that have not
 * begun are given back `lateMs` after that; "done" is answered at once.
 */
function stickyWorkers(clock = fakeClock(), calledShort = 2, lateMs = 0) {
  const release = new Map<string, () => void>();
  const recalls: string[] = [];
  let connected = 0;
  const fake = fakeAdapter({ concurrency: 2 });
  const connect = async (...args: Parameters<FakeAdapter["connect"]>): Promise<Connection> => {
    const [{ workerId }] = args;
    const connection = await fake.connect(...args);
    const waiting = new Set<(error: Error) => void>();
    const done = new Set<(workerId: string) => void>();
    const giveBack = () => {
      const why = { outcome: "not-started", details: { workers: 1 } } as const;
      const error = new SnakepitError("WORKER_BUSY", "not begun", why);
      for (const reject of waiting) reject(error);
      waiting.clear();
    };
    return {
      capabilities: connection.capabilities,
      shortCommands: new Set(connected++ < calledShort ? ["tick"] : []),
      ping: (context) => connection.ping(context),
      async execute(_command, args) {
        // The first one sticks, and all others stand behind it.
        if (args === "stick") {
          await new Promise<void>((resolve) => release.set(workerId, resolve));
          release.delete(workerId);
          return workerId;
        }
        if (!release.has(workerId) || recalls.includes(workerId)) return workerId;
        return await new Promise((resolve, reject) => {
          if (args === "done") done.add(resolve);
          else waiting.add(reject);
        });
      },
      recall(afterMs) {
        if (clock.now() < afterMs) return; // all is sent at 0, and nothing comes
        recalls.push(workerId);
        for (const resolve of done) resolve(workerId);
        if (lateMs === 0) giveBack();
        else clock.startTimer(lateMs, giveBack);
      },
      [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
    };
  };
  const adapter = { name: "sticky", launcher: fake.launcher, spec: () => fake.spec(), connect };
  return { adapter, release, recalls };
}

test("calls packed behind one that suddenly takes long are finished elsewhere within milliseconds", async () => {
  const clock = fakeClock();
  const { adapter, release, recalls } = stickyWorkers(clock);
  await using pool = await createPool({ adapter, clock, minWorkers: 2, maxWorkers: 2 });
  const stuck = pool.execute("tick", "stick");
  const behind = Array.from({ length: 50 }, (_, n) => pool.execute("tick", n));
  const [slow, free] = pool.workers();
  expect(slow?.load).toBe(51); // short commands fill one worker first
  await clock.advance(10);
  expect(new Set(await Promise.all(behind))).toEqual(new Set([free?.id]));
  expect(recalls).toEqual([slow?.id]);
  expect(pool.workers()).toMatchObject([{ load: 1 }, { load: 0 }]);
  release.get(slow?.id as string)?.();
  expect(await stuck).toBe(slow?.id);
  expect(await pool.execute("tick", 1)).toBe(slow?.id ?? "");
});

test("a worker that has given calls back goes on with as many as it has slots", async () => {
  const clock = fakeClock();
  const { adapter, release, recalls } = stickyWorkers(clock, 1);
  await using pool = await createPool({ adapter, clock, minWorkers: 2, maxWorkers: 2 });
  const stuck = pool.execute("tick", "stick");
  const [slow, other] = pool.workers();
  const behind = Array.from({ length: 2 }, () => pool.execute("tick", "behind"));
  await clock.advance(5);
  expect(recalls).toEqual([slow?.id]);
  expect(await Promise.all(behind)).toEqual([other?.id, other?.id]);
  // What comes in this moment goes to the other one, until that has no slot left.
  const taken = [pool.execute("tick", "stick"), pool.execute("tick", "stick")];
  const next = pool.execute("tick", "next");
  expect(pool.workers()).toMatchObject([{ load: 1 }, { load: 2 }]);
  await clock.advance(5);
  expect(await next).toBe(slow?.id); // which is still in its long call, and has another slot
  release.get(slow?.id as string)?.();
  await stuck;
  await pool.close({ graceMs: 0 });
  await Promise.allSettled(taken);
});

test("calls of a session are left at home ten times as long before they move", async () => {
  const clock = fakeClock();
  const { adapter, release, recalls } = stickyWorkers(clock);
  await using pool = await createPool({ adapter, clock, minWorkers: 2, maxWorkers: 2 });
  const session = pool.session("ada");
  const stuck = session.execute("tick", "stick");
  const behind = Array.from({ length: 50 }, (_, n) => session.execute("tick", n));
  await clock.advance(40);
  expect(recalls).toEqual([]);
  const [home, free] = pool.workers();
  expect(home?.load).toBe(51);
  await clock.advance(20);
  expect(recalls).toEqual([home?.id]);
  expect(new Set(await Promise.all(behind))).toEqual(new Set([free?.id]));
  release.get(home?.id as string)?.();
  expect(await stuck).toBe(home?.id);
});

test("nothing is recalled while nobody else is free", async () => {
  const clock = fakeClock();
  const { adapter, release, recalls } = stickyWorkers(clock);
  await using pool = await createPool({ adapter, clock, minWorkers: 1, maxWorkers: 1 });
  const stuck = pool.execute("tick", "stick");
  const cancel = new AbortController();
  const behind = pool.execute("tick", 1, { signal: cancel.signal });
  await clock.advance(1_000);
  expect(recalls).toEqual([]);
  cancel.abort(new Error("enough"));
  await expect(behind).rejects.toThrow("enough");
  for (const let_ of release.values()) let_();
  await stuck;
  await pool.close({ graceMs: 0 });
});

test("calls packed onto the only worker go to one that comes later", async () => {
  const clock = fakeClock();
  const { adapter, release, recalls } = stickyWorkers(clock);
  await using pool = await createPool({ adapter, clock, minWorkers: 1, maxWorkers: 1 });
  const stuck = pool.execute("tick", "stick");
  const behind = Array.from({ length: 50 }, (_, n) => pool.execute("tick", n));
  const [slow] = pool.workers();
  await clock.advance(1_000);
  expect(recalls).toEqual([]);
  await pool.resize({ minWorkers: 2, maxWorkers: 2 });
  await clock.advance(10);
  const [, late] = pool.workers();
  expect(new Set(await Promise.all(behind))).toEqual(new Set([late?.id]));
  release.get(slow?.id as string)?.();
  expect(await stuck).toBe(slow?.id);
});

test("a worker takes calls again also when it gives others back late", async () => {
  const clock = fakeClock();
  const { adapter, release, recalls } = stickyWorkers(clock, 1, 30);
  await using pool = await createPool({ adapter, clock, minWorkers: 2, maxWorkers: 2 });
  const stuck = pool.execute("tick", "stick");
  const done = pool.execute("tick", "done");
  const behind = pool.execute("tick", "behind");
  const [slow, other] = pool.workers();
  await clock.advance(10);
  expect(recalls).toEqual([slow?.id]);
  // It holds no more than it has slots, and has not given anything back yet.
  expect(await done).toBe(slow?.id);
  await clock.advance(100);
  expect(await behind).toBe(other?.id);
  const taken = Array.from({ length: 3 }, () => pool.execute("tick", "stick"));
  expect(pool.workers()).toMatchObject([{ load: 2 }, { load: 2 }]);
  release.get(slow?.id as string)?.();
  await Promise.race([stuck, ...taken]);
  await pool.close({ graceMs: 0 });
  await Promise.allSettled([stuck, ...taken]);
});
