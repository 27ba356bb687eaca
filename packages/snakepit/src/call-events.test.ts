import { describe, expect, test } from "vitest";
import type { CallEvent, PoolEvent } from "./events.ts";
import { gate } from "./fixtures/gate.ts";
import { failure } from "./fixtures/real-pools.ts";
import { type SmallPool, smallPool, stuckOnce } from "./fixtures/small-pool.ts";
import { until } from "./fixtures/until.ts";
import type { PoolOptions } from "./options.ts";
import type { Pool } from "./pool.ts";
import type { FakeAdapterOptions } from "./testing/fake-adapter.ts";
import { fakeClock } from "./testing/fake-clock.ts";

function ofCalls(events: readonly PoolEvent[]): CallEvent[] {
  return events.flatMap((event) =>
    event.name === "call-submitted" || event.name === "call-started" || event.name === "call-ended"
      ? [event]
      : [],
  );
}

describe("of a call", () => {
  test("its submitting, its start and its end are told, in that order", async () => {
    await using one = await smallPool();
    const session = one.pool.session("ada");
    await session.execute("echo", "hello");
    const callId = ofCalls(one.events)[0]?.callId;
    const common = { callId, command: "echo" };
    const [workerId] = one.adapter.workerIds();
    const times = { queuedMs: 0 };
    expect(ofCalls(one.events)).toEqual([
      {
        name: "call-submitted",
        ...common,
        isStream: false,
        sessionId: "ada",
        parentCallId: undefined,
      },
      { name: "call-started", ...common, workerId, ...times },
      {
        name: "call-ended",
        ...common,
        isStream: false,
        sessionId: "ada",
        workerId,
        ...times,
        runMs: expect.any(Number),
        chunks: 0,
        error: undefined,
        code: undefined,
      },
    ]);
  });

  test("the submitting is told on the caller's stack", async () => {
    await using one = await smallPool();
    let isInside = false;
    let wasInside = false;
    one.pool.on("call-submitted", () => {
      wasInside = isInside;
    });
    isInside = true;
    const call = one.pool.execute("echo");
    isInside = false;
    await call;
    expect(wasInside).toBe(true);
  });

  test("how long it waited and how long it ran add up to how long it took", async () => {
    const clock = fakeClock();
    const held = gate();
    await using one = await smallPool({ handlers: { held: held.handler }, options: { clock } });
    const calls = [one.pool.execute("held"), one.pool.execute("held")];
    await clock.advance(300);
    held.open();
    await one.adapter.received("held", 2);
    await clock.advance(40);
    held.open();
    await Promise.all(calls);
    const ends = ofCalls(one.events).filter(({ name }) => name === "call-ended");
    expect(ends).toMatchObject([
      { queuedMs: 0, runMs: 300 },
      { queuedMs: 300, runMs: 40 },
    ]);
  });

  test("a stream tells how many chunks its reader got", async () => {
    const handlers = {
      async *count() {
        for (let n = 0; n < 5; n++) yield n;
      },
    };
    await using one = await smallPool({ handlers });
    for await (const _ of one.pool.stream("count"));
    for await (const chunk of one.pool.stream("count")) if (chunk === 1) break;
    const ends = ofCalls(one.events).filter(({ name }) => name === "call-ended");
    expect(ends).toMatchObject([
      { isStream: true, chunks: 5, code: undefined },
      { isStream: true, chunks: 2, code: undefined },
    ]);
  });

  test("one that is made on behalf of another names it", async () => {
    const nested: { pool?: Pool } = {};
    await using one = await smallPool({
      handlers: {
        outer: (_, context) => context.callHost(async () => nested.pool?.execute("echo", "inner")),
      },
    });
    nested.pool = one.pool;
    await one.pool.execute("outer");
    const [outer, inner] = ofCalls(one.events).filter(({ name }) => name === "call-submitted");
    expect(inner).toMatchObject({ command: "echo", parentCallId: outer?.callId });
  });
});

describe("the end of a call is told exactly once,", () => {
  const never = Number.POSITIVE_INFINITY;
  interface Case {
    readonly name: string;
    readonly code: string | undefined;
    /** Whether a worker had it when it ended. */
    readonly ran: boolean;
    readonly fake?: FakeAdapterOptions;
    readonly options?: Partial<PoolOptions>;
    run(one: SmallPool): Promise<unknown>;
  }
  const busy = async ({ pool, adapter }: SmallPool) => {
    void pool.execute("slow").catch(() => {});
    await adapter.received("slow");
  };
  const cases: readonly Case[] = [
    {
      name: "when the queue is full",
      code: "QUEUE_FULL",
      ran: false,
      options: { maxQueue: 0 },
      run: async (one) => {
        await busy(one);
        await failure(one.pool.execute("target"));
      },
    },
    {
      name: "when it would have to wait and must not",
      code: "WORKER_BUSY",
      ran: false,
      run: async (one) => {
        await busy(one);
        await failure(one.pool.execute("target", 0, { queueTimeoutMs: 0 }));
      },
    },
    {
      name: "when it has waited for too long",
      code: "QUEUE_TIMEOUT",
      ran: false,
      run: async (one) => {
        await busy(one);
        await failure(one.pool.execute("target", 0, { queueTimeoutMs: 10 }));
      },
    },
    {
      name: "when its time is over in the queue",
      code: "TIMEOUT",
      ran: false,
      run: async (one) => {
        await busy(one);
        await failure(one.pool.execute("target", 0, { timeoutMs: 10 }));
      },
    },
    {
      name: "when its time is over on a worker that stops later",
      code: "TIMEOUT",
      ran: true,
      fake: { confirmCancelAfterMs: 20 },
      run: async ({ pool }) => {
        await failure(pool.execute("target", 0, { timeoutMs: 10 }));
        await until(() => pool.stats().running === 0);
      },
    },
    {
      name: "when it is aborted in the queue",
      code: "ABORTED",
      ran: false,
      run: async (one) => {
        await busy(one);
        const abort = new AbortController();
        const call = one.pool.execute("target", 0, { signal: abort.signal });
        abort.abort();
        await failure(call);
      },
    },
    {
      name: "when it is aborted on a worker that answers later",
      code: "ABORTED",
      ran: true,
      fake: { confirmCancelAfterMs: 20 },
      run: async ({ pool, adapter }) => {
        const abort = new AbortController();
        const call = pool.execute("target", 0, { signal: abort.signal });
        await adapter.received("target");
        abort.abort(new Error("enough"));
        await failure(call);
        await until(() => pool.stats().running === 0);
      },
    },
    {
      name: "when its worker dies",
      code: "WORKER_EXITED",
      ran: true,
      run: async ({ pool, adapter }) => {
        const call = pool.execute("target");
        await adapter.received("target");
        for (const id of adapter.workerIds()) adapter.kill(id);
        await failure(call);
      },
    },
    {
      name: "when it is tried again and succeeds",
      code: undefined,
      ran: true,
      fake: { handlers: { target: stuckOnce() } },
      run: async ({ pool, adapter }) => {
        const call = pool.execute("target", 0, { idempotent: true });
        await adapter.received("target");
        for (const id of adapter.workerIds()) adapter.kill(id);
        expect(await call).toBe("done");
      },
    },
    {
      name: "when the worker does not know the command",
      code: "UNKNOWN_COMMAND",
      ran: true,
      fake: { handlers: {} },
      run: async ({ pool }) => failure(pool.execute("target")),
    },
    {
      name: "when the handler throws something of its own",
      code: "OTHER",
      ran: true,
      fake: {
        handlers: {
          target: () => {
            throw new TypeError("no");
          },
        },
      },
      run: async ({ pool }) => failure(pool.execute("target")),
    },
    {
      name: "when a stream breaks off",
      code: "OTHER",
      ran: true,
      fake: {
        handlers: {
          async *target() {
            yield 1;
            throw new Error("no more");
          },
        },
      },
      run: async ({ pool }) => {
        const stream = pool.stream("target");
        await stream.next();
        await failure(stream.next());
      },
    },
    {
      name: "when the reader of a stream leaves",
      code: undefined,
      ran: true,
      fake: {
        handlers: {
          async *target() {
            for (;;) yield 1;
          },
        },
      },
      run: async ({ pool }) => {
        for await (const _ of pool.stream("target")) break;
      },
    },
    {
      name: "when the pool closes while it waits",
      code: "POOL_CLOSED",
      ran: false,
      run: async (one) => {
        await busy(one);
        const call = failure(one.pool.execute("target"));
        await one.pool.close({ graceMs: 0 });
        await call;
      },
    },
    {
      name: "when the pool closes while it runs",
      code: "CANCELLED",
      ran: true,
      run: async ({ pool, adapter }) => {
        const call = failure(pool.execute("target"));
        await adapter.received("target");
        await pool.close({ graceMs: 0 });
        await call;
      },
    },
    {
      name: "when its session is deleted",
      code: "CANCELLED",
      ran: true,
      run: async ({ pool, adapter }) => {
        const session = pool.session("s");
        const call = failure(session.execute("target"));
        await adapter.received("target");
        await session.delete();
        await call;
      },
    },
  ];

  test.each(cases)("$name", async ({ code, ran, fake = {}, options = {}, run }) => {
    const target = { target: forever, slow: forever };
    const { handlers = target } = fake;
    await using one = await smallPool({
      ...fake,
      handlers: { slow: forever, ...handlers },
      options: { cancelGraceMs: never, ...options },
    });
    await run(one);
    await one.pool.close({ graceMs: 0 });
    const events = ofCalls(one.events);
    const own = events.filter(({ command }) => command === "target");
    expect(own.filter(({ name }) => name === "call-submitted")).toHaveLength(1);
    expect(own.filter(({ name }) => name === "call-ended")).toMatchObject([
      { code, workerId: ran ? expect.any(String) : undefined },
    ]);
    expect(own.at(-1)?.name).toBe("call-ended");
    const { requests, succeeded, failed } = one.pool.stats();
    expect(succeeded + failed).toBe(requests);
  });
});

const forever: NonNullable<FakeAdapterOptions["handlers"]>[string] = (_, context) =>
  new Promise((_resolve, reject) => {
    context.signal.addEventListener("abort", () => reject(context.signal.reason), { once: true });
  });
