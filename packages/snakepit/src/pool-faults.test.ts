import { expect, test } from "vitest";
import type { Adapter, Connection } from "./adapter.ts";
import { createPool } from "./create-pool.ts";
import { SnakepitError } from "./errors.ts";
import { nextEvent } from "./fixtures/events.ts";
import { gate } from "./fixtures/gate.ts";
import { heldBytes } from "./fixtures/held-bytes.ts";
import { until } from "./fixtures/until.ts";
import { hold } from "./hold.ts";
import { type FakeHandler, fakeAdapter } from "./testing/fake-adapter.ts";
import { fakeClock } from "./testing/fake-clock.ts";

/** Adapters, callers and hosts that misbehave, and what must not come of it. */

function blockHost(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

/** The fake adapter with its connections changed. */
function withConnection(
  adapter: ReturnType<typeof fakeAdapter>,
  change: (connection: Connection) => Partial<Connection>,
): Adapter {
  return {
    name: adapter.name,
    launcher: adapter.launcher,
    spec: () => adapter.spec(),
    async connect(process, options) {
      const connection = await adapter.connect(process, options);
      const own: Connection = {
        capabilities: connection.capabilities,
        execute: (command, args, context) => connection.execute(command, args, context),
        ping: (context) => connection.ping(context),
        [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
      };
      return Object.assign(own, change(connection));
    },
  };
}

test("an adapter whose stream throws at once fails that stream and nothing else", async () => {
  const adapter = withConnection(fakeAdapter(), () => ({
    stream: () => {
      throw new Error("no such stream");
    },
  }));
  await using pool = await createPool({ adapter, maxWorkers: 1 });
  await expect(pool.stream("x").next()).rejects.toThrow("no such stream");
  const before = pool.execute("echo", "before", { timeoutMs: 5_000 });
  const queued = pool.stream("x").next();
  expect(await before).toBe("before");
  await expect(queued).rejects.toThrow("no such stream");
  expect(await pool.execute("echo", "after")).toBe("after");
  expect(pool.stats()).toMatchObject({ running: 0, queued: 0 });
});

test("an adapter whose iterator throws at once fails the stream and frees its slot", async () => {
  const adapter = withConnection(fakeAdapter(), () => ({
    stream: () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => {
          throw new Error("no chunk");
        },
      }),
    }),
  }));
  await using pool = await createPool({ adapter, maxWorkers: 1 });
  await expect(pool.stream("x").next()).rejects.toThrow("no chunk");
  expect(await pool.execute("echo", 1)).toBe(1);
});

test.each([1, 2, 6])("%i loops over one stream share its chunks and all end", async (loops) => {
  const count: FakeHandler = async function* () {
    for (let n = 0; n < 200; n++) yield n;
  };
  const before = hold.count;
  await using pool = await createPool({ adapter: fakeAdapter({ handlers: { count } }) });
  const stream = pool.stream("count");
  const seen: unknown[] = [];
  const loop = async () => {
    for (let one = await stream.next(); !one.done; one = await stream.next()) seen.push(one.value);
  };
  await Promise.all(Array.from({ length: loops }, loop));
  expect(seen).toEqual(Array.from({ length: 200 }, (_, n) => n));
  expect(hold.count).toBe(before);
});

test("Infinity and delays beyond 31 bits wait, and do not fire at once", async () => {
  for (const startTimeoutMs of [Number.POSITIVE_INFINITY, 2 ** 31]) {
    await using pool = await createPool({ adapter: fakeAdapter(), startTimeoutMs, maxWorkers: 1 });
    const running = pool.execute("slow", {}, { timeoutMs: 200 });
    const closed = pool.close({ graceMs: startTimeoutMs });
    await expect(running).rejects.toMatchObject({ code: "TIMEOUT" });
    await closed;
  }
});

test("a grace that is no length of time is refused", async () => {
  await using pool = await createPool({ adapter: fakeAdapter() });
  await expect(pool.close({ graceMs: Number.NaN })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
  });
  expect(await pool.execute("echo", 1)).toBe(1);
});

test("without a queue, a call that a new worker can take is taken, and one too many is refused", async () => {
  await using pool = await createPool({
    adapter: fakeAdapter(),
    minWorkers: 0,
    maxWorkers: 2,
    maxQueue: 0,
  });
  const cancel = new AbortController();
  const busy = [1, 2].map(() => pool.execute("slow", {}, { signal: cancel.signal }));
  const settled = Promise.allSettled(busy);
  while (pool.stats().running < 2) await new Promise(setImmediate);
  await expect(pool.execute("echo", 1)).rejects.toMatchObject({ code: "QUEUE_FULL" });
  cancel.abort();
  await settled;
});

test("a call whose deadline passed while the host was busy is not sent", async () => {
  let sent = 0;
  let open!: (value: unknown) => void;
  const handlers = {
    first: () =>
      new Promise((resolve) => {
        open = resolve;
      }),
    late: () => ++sent,
  };
  await using pool = await createPool({ adapter: fakeAdapter({ handlers }), maxWorkers: 1 });
  const first = pool.execute("first");
  const late = pool.execute("late", {}, { timeoutMs: 10 });
  const refused = expect(late).rejects.toMatchObject({ code: "TIMEOUT", outcome: "not-started" });
  open(1);
  blockHost(30);
  await first;
  await refused;
  expect(sent).toBe(0);
});

test("a crash loop backs off also beside a worker that serves", async () => {
  let starts = 0;
  const adapter = fakeAdapter({
    onStart: () => {
      if (++starts > 1) throw new Error("only the first one starts");
    },
  });
  await using pool = await createPool({ adapter, minWorkers: 2, maxWorkers: 2 });
  let failures = 0;
  const enough = new Promise<void>((resolve) => {
    pool.on("worker-start-failed", () => {
      if (++failures === 3) resolve();
    });
  });
  let served = 0;
  const stop = new AbortController();
  const load = (async () => {
    while (!stop.signal.aborted) {
      await pool.execute("echo", ++served);
      await new Promise(setImmediate);
    }
  })();
  await enough; // 100, 200 and 400 ms apart: without a backoff dozens would have come by then
  expect(starts).toBeLessThanOrEqual(6);
  stop.abort();
  await load;
});

test("when starting works again, what is missing is started, also if nobody calls any more", async () => {
  const clock = fakeClock();
  const held = gate();
  let starts = 0;
  const adapter = fakeAdapter({
    onStart: async () => {
      if (++starts === 1) throw new Error("only the first one fails");
      if (starts === 2) await held.handler(0, undefined as never, "");
    },
  });
  const creating = createPool({ adapter, clock, minWorkers: 2, maxWorkers: 2 });
  await until(() => starts === 2);
  await clock.advance(50); // the next start is due after 100
  held.open();
  await using pool = await creating;
  const ready = nextEvent(pool, "worker-ready");
  expect(await pool.execute("echo", 1)).toBe(1);
  await ready;
  expect(pool.stats().workers.ready).toBe(2);
});

test("transform is for replies: it leaves streams alone, and its error is the call's", async () => {
  const count: FakeHandler = async function* () {
    yield 1;
  };
  const broken = {
    transform: () => {
      throw new SnakepitError("REMOTE", "not what was expected", {
        details: { type: "T", message: "" },
      });
    },
  };
  const adapter = fakeAdapter({ handlers: { count }, commands: { count: broken, echo: broken } });
  await using pool = await createPool({ adapter });
  const chunks: unknown[] = [];
  for await (const chunk of pool.stream("count")) chunks.push(chunk);
  expect(chunks).toEqual([1]);
  await expect(pool.execute("echo", 1)).rejects.toThrow("not what was expected");
  expect(pool.stats()).toMatchObject({ succeeded: 1, failed: 1 });
});

test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
  "a worker that offers %d slots is no worker",
  async (concurrency) => {
    const refused = createPool({ adapter: fakeAdapter({ concurrency }) });
    await expect(refused).rejects.toMatchObject({
      code: "WORKER_START_FAILED",
      details: { reason: "bad-handshake" },
    });
  },
);

test("a worker with one slot gets one call at a time, whatever it calls short", async () => {
  const fake = fakeAdapter({ concurrency: 1 });
  const adapter = withConnection(fake, () => ({ shortCommands: new Set(["echo"]) }));
  await using pool = await createPool({ adapter, maxWorkers: 1 });
  await Promise.all(Array.from({ length: 50 }, (_, n) => pool.execute("echo", n)));
  expect(fake.mostCallsAtOnce).toBe(1);
});

test("short commands are packed beyond the slots of a worker that has several", async () => {
  const fake = fakeAdapter({ concurrency: 2 });
  const adapter = withConnection(fake, () => ({ shortCommands: new Set(["echo"]) }));
  await using pool = await createPool({ adapter, maxWorkers: 1 });
  await Promise.all(Array.from({ length: 300 }, (_, n) => pool.execute("echo", n)));
  expect(fake.mostCallsAtOnce).toBeGreaterThan(2);
  expect(fake.mostCallsAtOnce).toBeLessThanOrEqual(256);
});

test("a host that was blocked through the grace does not call its worker deaf", async () => {
  const adapter = fakeAdapter({ confirmCancelAfterMs: 5 });
  await using pool = await createPool({ adapter, maxWorkers: 1, cancelGraceMs: 100 });
  let abandoned = 0;
  pool.on("call-abandoned", () => abandoned++);
  const cancel = new AbortController();
  const call = pool.execute("slow", {}, { signal: cancel.signal });
  await adapter.received("slow");
  cancel.abort();
  blockHost(150);
  await expect(call).rejects.toThrow();
  expect(await pool.execute("echo", 1)).toBe(1);
  expect(abandoned).toBe(0);
});

test("closing does not wait for calls that have failed without a worker", async () => {
  const clock = fakeClock();
  const held = gate();
  const fake = fakeAdapter({ handlers: { held: held.handler } });
  const adapter = withConnection(fake, () => ({ stream: undefined as never }));
  const pool = await createPool({ adapter, clock, maxWorkers: 1 });
  const running = pool.execute("held");
  const stream = expect(pool.stream("any").next()).rejects.toMatchObject({ code: "UNSUPPORTED" });
  const closed = pool.close({ graceMs: 60_000 }); // on a clock that stands still
  held.open();
  await Promise.all([running, stream, closed]);
});

test("a pool that is closed while it restarts leaves no worker", async () => {
  const adapter = fakeAdapter();
  const pool = await createPool({ adapter, minWorkers: 6, maxWorkers: 6 });
  let closed: Promise<void> | undefined;
  pool.on("worker-ready", () => {
    closed ??= pool.close({ graceMs: 0 });
  });
  await pool.restart().catch((error) => expect(error).toMatchObject({ code: "POOL_CLOSED" }));
  await closed;
  expect(adapter.workerIds()).toEqual([]);
  expect(pool.stats().workers).toEqual({ starting: 0, ready: 0, draining: 0 });
});

test("a launcher that never comes back holds up a start no longer than its limit", async () => {
  const launcher = { name: "stuck", launch: () => new Promise<never>(() => {}) };
  const creating = createPool({ adapter: fakeAdapter(), launcher, startTimeoutMs: 50 });
  await expect(creating).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    details: { reason: "timeout" },
  });
});

test("the wait for a slot has a limit of its own, which a worker that starts puts off", async () => {
  const clock = fakeClock();
  const [held, slowStart] = [gate(), gate()];
  let starts = 0;
  const adapter = fakeAdapter({
    handlers: { held: held.handler },
    onStart: async () => {
      if (++starts > 1) await slowStart.handler(0, undefined as never, "");
    },
  });
  const limits = { minWorkers: 0, maxWorkers: 2, queueTimeoutMs: 1_000 };
  await using pool = await createPool({ adapter, clock, ...limits });
  const first = pool.execute("held");
  await adapter.received("held");
  const second = pool.execute("held"); // a second worker starts for it
  await clock.advance(5_000);
  slowStart.open();
  await adapter.received("held", 2);
  const third = pool.execute("echo", 1); // now both are busy
  const failed = expect(third).rejects.toMatchObject({
    code: "QUEUE_TIMEOUT",
    outcome: "not-started",
    details: { timeoutMs: 1_000 },
  });
  await clock.advance(1_100);
  await failed;
  held.open();
  held.open();
  await Promise.all([first, second]);
});

test("workers whose calls all end in broken protocol open the circuit", async () => {
  const fake = fakeAdapter();
  const broken = new SnakepitError("PROTOCOL", "garbage", { outcome: "unknown" });
  const adapter = withConnection(fake, () => ({ execute: () => Promise.reject(broken) }));
  await using pool = await createPool({ adapter, maxWorkers: 1, circuit: { minCalls: 4 } });
  for (let n = 0; n < 4; n++)
    await expect(pool.execute("echo")).rejects.toMatchObject({ code: "PROTOCOL" });
  expect(pool.stats().circuit).toBe("open");
});

test("what a worker logs reaches the pool in bounds, whichever adapter it has", async () => {
  const fake = fakeAdapter();
  let log: ((level: "info", message: string) => void) | undefined;
  const connect: Adapter["connect"] = (process, options) => {
    log = options.log;
    return fake.connect(process, options);
  };
  const adapter = { name: "loud", launcher: fake.launcher, spec: () => fake.spec(), connect };
  await using pool = await createPool({ adapter, maxWorkers: 1 });
  let lines = 0;
  pool.on("worker-log", () => lines++);
  for (let n = 0; n < 50_000; n++) log?.("info", `line ${n}`);
  expect(lines).toBeGreaterThan(100);
  expect(lines).toBeLessThan(1_000);
});

test("asking for health again and again keeps nothing", async () => {
  const adapter = fakeAdapter();
  await using pool = await createPool({ adapter, maxWorkers: 1 });
  for (let n = 0; n < 500; n++) await pool.health();
  const before = await heldBytes();
  for (let n = 0; n < 5_000; n++) await pool.health();
  expect(await heldBytes()).toBeLessThan(before + 5_000 * 100); // it was 1.7 KB each
});
