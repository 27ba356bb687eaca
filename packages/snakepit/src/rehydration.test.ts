import { expect, test } from "vitest";
import { createPool } from "./create-pool.ts";
import { nextEvent, recorded } from "./fixtures/events.ts";
import { gate } from "./fixtures/gate.ts";
import type { Pool } from "./pool.ts";
import type { Rehydrate, SessionMove } from "./rehydration.ts";
import { type FakeAdapter, fakeAdapter } from "./testing/fake-adapter.ts";
import { fakeClock } from "./testing/fake-clock.ts";

/** Workers that remember one thing for each session, and the pool that has them remember it again. */
function remembering(extra: Parameters<typeof fakeAdapter>[0] = {}) {
  const memories = new Map<string, unknown>();
  const key = (workerId: string, id = "") => `${workerId} ${id}`;
  return fakeAdapter({
    ...extra,
    handlers: {
      remember: (value, context, workerId) => {
        memories.set(key(workerId, context.session?.id), value);
      },
      recall: (_args, context, workerId) => memories.get(key(workerId, context.session?.id)),
      where: (_args, _context, workerId) => workerId,
      ...extra.handlers,
    },
  });
}

/** Ends the worker whose turn it is, as a crash would; resolves when the pool knows. */
async function crash(pool: Pool, adapter: FakeAdapter): Promise<string> {
  const stopped = nextEvent(pool, "worker-stopped");
  adapter.kill(adapter.workerIds()[0] ?? "");
  return (await stopped).workerId;
}

/** A promise, and what keeps it. */
function promised(): { readonly promise: Promise<void>; readonly keep: () => void } {
  let keep = () => {};
  const promise = new Promise<void>((resolve) => {
    keep = resolve;
  });
  return { promise, keep };
}

const tellsName: Rehydrate = async ({ session }) => {
  await session.execute("remember", "Ada");
};

test("a session that moves to a fresh worker finds there what the hook has rebuilt", async () => {
  const adapter = remembering();
  const moves: SessionMove[] = [];
  const rehydrate: Rehydrate = (move) => {
    moves.push(move);
    return tellsName(move);
  };
  await using pool = await createPool({ adapter, rehydrate, maxWorkers: 1 });
  const session = pool.session("ada");
  await session.execute("remember", "Ada");
  expect(moves).toEqual([]); // nothing to rebuild: it is new
  const moved = nextEvent(pool, "session-moved");
  const first = await crash(pool, adapter);
  expect(await session.execute("recall")).toBe("Ada");
  expect(await session.execute("recall")).toBe("Ada");
  const [second = ""] = adapter.workerIds();
  expect(moves).toMatchObject([{ reason: "moved", worker: { id: second } }]);
  expect(moves[0]?.session).toBe(session);
  expect(await moved).toMatchObject({ sessionId: "ada", from: first, to: second });
});

test("a call that goes to another worker because its own is busy finds it made ready", async () => {
  const held = gate();
  const adapter = remembering({ handlers: { held: held.handler } });
  await using pool = await createPool({
    adapter,
    rehydrate: tellsName,
    minWorkers: 2,
    maxWorkers: 2,
  });
  const session = pool.session("ada");
  await session.execute("remember", "Ada");
  const busy = session.execute("held");
  await adapter.received("held");
  expect(await session.execute("recall")).toBe("Ada");
  held.open();
  await busy;
});

test("of many calls at once the worker is made ready by the first, and no other is sent before", async () => {
  const adapter = remembering({ concurrency: 8 });
  const made = promised();
  let times = 0;
  const rehydrate: Rehydrate = async ({ session }) => {
    times++;
    await made.promise;
    await session.execute("remember", "Ada");
  };
  await using pool = await createPool({ adapter, rehydrate, maxWorkers: 1 });
  const session = pool.session("ada");
  await session.execute("where");
  await crash(pool, adapter);
  const calls = Array.from({ length: 6 }, () => session.execute("recall"));
  await expect.poll(() => times).toBe(1);
  const others = pool.execute("where"); // strangers do not wait for it
  await others;
  made.keep();
  expect(await Promise.all(calls)).toEqual(Array(6).fill("Ada"));
  expect(times).toBe(1);
});

test("the call that a failing hook was for fails with its error, and the next one tries again", async () => {
  const adapter = remembering();
  let tries = 0;
  const rehydrate: Rehydrate = async (move) => {
    if (++tries === 1) throw new RangeError("the recipe is lost");
    await tellsName(move);
  };
  await using pool = await createPool({ adapter, rehydrate, maxWorkers: 1 });
  const session = pool.session("ada");
  await session.execute("where");
  await crash(pool, adapter);
  await expect(session.execute("recall")).rejects.toThrow(new RangeError("the recipe is lost"));
  expect(await session.execute("recall")).toBe("Ada");
  expect(pool.stats().running).toBe(0);
});

test("a caller who leaves while the worker is made ready costs the next call nothing", async () => {
  const begun = promised();
  let times = 0;
  const rehydrate: Rehydrate = async ({ session }) => {
    if (++times === 1) {
      begun.keep();
      await session.execute("slow"); // ends with the call that it is for
    }
    await session.execute("remember", "Ada");
  };
  const slow = (_args: unknown, context: { signal: AbortSignal }) =>
    new Promise((_resolve, reject) => {
      context.signal.addEventListener("abort", () => reject(context.signal.reason));
    });
  const adapter = remembering({ concurrency: 2, handlers: { slow } });
  await using pool = await createPool({ adapter, rehydrate, maxWorkers: 1 });
  const session = pool.session("ada");
  await session.execute("where");
  await crash(pool, adapter);
  const leaver = new AbortController();
  const left = session.execute("recall", undefined, { signal: leaver.signal });
  const stays = session.execute("recall");
  await begun.promise;
  leaver.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  expect(await stays).toBe("Ada");
  expect(times).toBe(2);
});

test("a worker that dies while it is made ready loses no call: another takes them", async () => {
  const adapter = remembering();
  let times = 0;
  const rehydrate: Rehydrate = async (move) => {
    if (++times === 1) adapter.kill(move.worker.id);
    await tellsName(move);
  };
  await using pool = await createPool({ adapter, rehydrate, maxWorkers: 1 });
  const events = recorded(pool);
  const session = pool.session("ada");
  await session.execute("where");
  await crash(pool, adapter);
  expect(await session.execute("recall")).toBe("Ada");
  expect(times).toBe(2);
  expect(events.filter(({ name }) => name === "session-moved")).toHaveLength(2);
});

test("a stream of a session waits for the hook, too", async () => {
  const adapter = remembering({
    handlers: {
      letters: async function* (_args, _context) {
        yield "a";
        yield "b";
      },
    },
  });
  const order: string[] = [];
  const rehydrate: Rehydrate = async (move) => {
    await tellsName(move);
    order.push("made ready");
  };
  await using pool = await createPool({ adapter, rehydrate, maxWorkers: 1 });
  const session = pool.session("ada");
  await session.execute("where");
  await crash(pool, adapter);
  for await (const letter of session.stream("letters")) order.push(String(letter));
  expect(order).toEqual(["made ready", "a", "b"]);
  expect(await session.execute("recall")).toBe("Ada");
});

test("what is called to make a worker ready goes to that worker, also when the old one is free again", async () => {
  const adapter = remembering({
    handlers: {
      remember: (_value, _context, workerId) => workerId,
      hold: () => held.promise,
    },
  });
  const held = promised();
  const went: unknown[] = [];
  const rehydrate: Rehydrate = async ({ session, worker }) => {
    held.keep();
    await busy; // its home has a free slot now
    went.push([worker.id, await session.execute("remember", "Ada")]);
  };
  await using pool = await createPool({ adapter, rehydrate, minWorkers: 2, maxWorkers: 2 });
  for (const affinity of ["prefer", "none"] as const) {
    const session = pool.session(affinity, { affinity });
    await session.execute("where");
  }
  const session = pool.session("prefer");
  const busy = session.execute("hold");
  await adapter.received("hold");
  await session.execute("where");
  expect(went).toHaveLength(1);
  for (const [meant, reached] of went as [string, string][]) expect(reached).toBe(meant);
});

test("a call that a tool of another session makes is made ready for, too", async () => {
  const adapter = remembering({
    concurrency: 4,
    handlers: {
      tool: (_args, context) =>
        context.callHost(() => pool.session("ada").execute("recall", undefined)),
    },
  });
  await using pool = await createPool({ adapter, rehydrate: tellsName, maxWorkers: 1 });
  await pool.session("ada").execute("where");
  await crash(pool, adapter);
  expect(await pool.session("grace").execute("tool")).toBe("Ada");
});

test("a caller who leaves while the worker is made ready is told that nothing was started, and costs nobody the worker", async () => {
  const clock = fakeClock();
  const adapter = remembering();
  const heard: unknown[] = [];
  const rehydrate: Rehydrate = ({ signal }) =>
    new Promise((_resolve) => signal.addEventListener("abort", () => heard.push(signal.reason)));
  await using pool = await createPool({ adapter, rehydrate, clock, maxWorkers: 1 });
  const session = pool.session("ada");
  await session.execute("where");
  await crash(pool, adapter);
  const events = recorded(pool);
  const late = session.execute("recall", undefined, { timeoutMs: 1_000 });
  late.catch(() => {});
  await expect.poll(() => pool.stats().running).toBe(1);
  await clock.advance(1_100);
  await expect(late).rejects.toMatchObject({ code: "TIMEOUT", outcome: "not-started" });
  expect(pool.stats().running).toBe(0);
  await clock.advance(60_000);
  expect(await pool.execute("where")).toBeDefined();
  expect(heard).toMatchObject([{ code: "TIMEOUT" }]);
  const names = new Set(events.map(({ name }) => name));
  expect(names).not.toContain("call-abandoned");
  expect(names).not.toContain("worker-draining");
});

test("a stream that is left while the worker is made ready frees its slot at once", async () => {
  const adapter = remembering({
    handlers: {
      letters: async function* () {
        yield "a";
      },
    },
  });
  const rehydrate: Rehydrate = () => new Promise(() => {});
  await using pool = await createPool({ adapter, rehydrate, maxWorkers: 1 });
  const session = pool.session("ada");
  await session.execute("where");
  await crash(pool, adapter);
  const leaver = new AbortController();
  const stream = session.stream("letters", undefined, { signal: leaver.signal });
  const first = stream.next();
  first.catch(() => {});
  await expect.poll(() => pool.stats().running).toBe(1);
  leaver.abort(new Error("left"));
  await expect(first).rejects.toThrow("left");
  expect(pool.stats().running).toBe(0);
  expect(await pool.execute("where")).toBeDefined();
});
