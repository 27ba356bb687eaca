import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPool } from "../create-pool.ts";
import { failure } from "../fixtures/real-pools.ts";
import { smallPool, stuckOnce } from "../fixtures/small-pool.ts";
import { until } from "../fixtures/until.ts";
import type { Pool } from "../pool.ts";
import { type FakeHandler, fakeAdapter } from "../testing/fake-adapter.ts";
import { instrument } from "./index.ts";

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());

function tracing() {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  return {
    tracerProvider,
    tracer: tracerProvider.getTracer("the application"),
    /** Those that have ended, by name. */
    spans: (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name),
    span(name: string): ReadableSpan {
      const [span] = exporter.getFinishedSpans().filter((one) => one.name === name);
      if (span === undefined) throw new Error(`no span ${name}`);
      return span;
    },
  };
}

function parentOf(span: ReadableSpan): string | undefined {
  return span.parentSpanContext?.spanId;
}

test("a call is a span below the one that is active where it is made, with its waiting and running", async () => {
  const { tracerProvider, tracer, span } = tracing();
  await using one = await smallPool();
  using _ = instrument(one.pool, { tracerProvider, name: "general" });
  const [workerId] = one.adapter.workerIds();
  const caller = tracer.startSpan("request");
  const session = one.pool.session("ada");
  await context.with(trace.setSpan(ROOT_CONTEXT, caller), () => session.execute("echo", "hidden"));
  caller.end();
  const call = span("call echo");
  expect(parentOf(call)).toBe(caller.spanContext().spanId);
  expect(parentOf(span("queue echo"))).toBe(call.spanContext().spanId);
  expect(parentOf(span("run echo"))).toBe(call.spanContext().spanId);
  expect(span("run echo").kind).toBe(SpanKind.CLIENT);
  expect(call.attributes).toEqual({
    "rpc.system.name": "snakepit",
    "rpc.method": "echo",
    "session.id": "ada",
    "snakepit.pool.name": "general",
    "snakepit.call.id": expect.stringMatching(/^call-\d+$/),
    "snakepit.call.streaming": false,
    "snakepit.worker.id": workerId,
  });
  expect(call.status.code).toBe(SpanStatusCode.UNSET);
});

test("a call that fails says with which code, and nothing of its arguments or its message", async () => {
  const { tracerProvider, span } = tracing();
  const fail: FakeHandler = (args) => {
    throw new Error(`cannot do ${String(args)}`);
  };
  await using one = await smallPool({ handlers: { fail } });
  using _ = instrument(one.pool, { tracerProvider });
  await failure(one.pool.execute("fail", "4111-1111"));
  for (const name of ["call fail", "run fail"]) {
    const { attributes, status, events } = span(name);
    expect(attributes).toMatchObject({ "error.type": "OTHER" });
    expect(status).toEqual({ code: SpanStatusCode.ERROR });
    expect(JSON.stringify([attributes, events])).not.toContain("4111");
  }
});

test("a refused call has a span too, and has never run", async () => {
  const { tracerProvider, span, spans } = tracing();
  await using one = await smallPool({ options: { maxQueue: 0 } });
  using _ = instrument(one.pool, { tracerProvider });
  const running = failure(one.pool.execute("slow", 0, { timeoutMs: 50 }));
  await failure(one.pool.execute("echo"));
  expect(span("call echo").attributes).toMatchObject({ "error.type": "QUEUE_FULL" });
  expect(spans("run echo")).toEqual([]);
  await running;
  expect(span("call slow").attributes).toMatchObject({ "error.type": "TIMEOUT" });
});

test("a second attempt links to the first", async () => {
  const { tracerProvider, span, spans } = tracing();
  await using one = await smallPool({ handlers: { again: stuckOnce() } });
  using _ = instrument(one.pool, { tracerProvider });
  const call = one.pool.execute("again", 0, { idempotent: true });
  await one.adapter.received("again");
  for (const id of one.adapter.workerIds()) one.adapter.kill(id);
  await call;
  const [first, second] = spans("run again");
  expect(first?.attributes["error.type"]).toBe("WORKER_EXITED");
  expect(first?.links).toEqual([]);
  expect(second?.links.map(({ context }) => context.spanId)).toEqual([first?.spanContext().spanId]);
  expect(second?.attributes["error.type"]).toBeUndefined();
  expect(spans("queue again")).toHaveLength(2);
  for (const run of [first, second])
    expect(run && parentOf(run)).toBe(span("call again").spanContext().spanId);
});

test("a nested call is a child of the run that it serves, also in another pool", async () => {
  const { tracerProvider, tracer, span, spans } = tracing();
  const inner = await createPool({ adapter: fakeAdapter(), minWorkers: 1, maxWorkers: 1 });
  await using _inner = inner;
  const outer: FakeHandler = (_, call) =>
    call.callHost(async () => {
      await inner.execute("echo", 1);
      const own = tracer.startSpan("the tool's own");
      await context.with(trace.setSpan(context.active(), own), () => inner.execute("echo", 2));
      own.end();
    });
  await using one = await smallPool({ handlers: { outer } });
  using _a = instrument(one.pool, { tracerProvider, name: "outer" });
  using _b = instrument(inner, { tracerProvider, name: "inner" });
  await tracer.startActiveSpan("request", async (request) => {
    await one.pool.execute("outer");
    request.end();
  });
  const [first, second] = spans("call echo");
  expect(first && parentOf(first)).toBe(span("run outer").spanContext().spanId);
  expect(second && parentOf(second)).toBe(span("the tool's own").spanContext().spanId);
});

test("a stream's span lasts until its end, and tells how many chunks were read", async () => {
  const { tracerProvider, span, spans } = tracing();
  const count: FakeHandler = async function* () {
    for (let n = 0; n < 3; n++) yield n;
  };
  await using one = await smallPool({ handlers: { count } });
  using _ = instrument(one.pool, { tracerProvider });
  for await (const _chunk of one.pool.stream("count")) expect(spans("call count")).toEqual([]);
  expect(span("call count").attributes).toMatchObject({
    "snakepit.call.streaming": true,
    "snakepit.stream.chunks": 3,
  });
});

test("what still runs is cut off when nobody follows it any more, and later calls have no span", async () => {
  const { tracerProvider, spans } = tracing();
  await using one = await smallPool();
  const telemetry = instrument(one.pool, { tracerProvider });
  const abort = new AbortController();
  const running = failure(one.pool.execute("slow", 0, { signal: abort.signal }));
  telemetry[Symbol.dispose]();
  expect(spans("call slow")).toHaveLength(1);
  abort.abort();
  await running;
  await one.pool.execute("echo");
  expect(spans("call slow")).toHaveLength(1);
  expect(spans("call echo")).toEqual([]);
});

test("pools that join a group later are followed, under their names", async () => {
  const { tracerProvider, spans } = tracing();
  const pools = new Map<string, Pool>();
  const group = {
    pool: (name: string) => pools.get(name) as Pool,
    stats: () => Object.fromEntries(pools),
  };
  const add = async (name: string) => {
    pools.set(name, await createPool({ adapter: fakeAdapter(), maxWorkers: 1 }));
  };
  await add("first");
  using _ = instrument(group, { tracerProvider });
  await add("second");
  await until(() => {
    for (const pool of pools.values()) void pool.execute("echo");
    return spans("call echo").some((one) => one.attributes["snakepit.pool.name"] === "second");
  });
  for (const pool of pools.values()) await pool.close();
});

test("what is no pool and what is no option is refused", () => {
  expect(() => instrument({} as unknown as Pool)).toThrow(/createPool/);
  expect(() => instrument(undefined as unknown as Pool)).toThrow(/INVALID_OPTIONS/);
  const options = { tracerProvder: 1, meterProvider: 2 } as object;
  expect(() => instrument({ on() {} } as unknown as Pool, options)).toThrow(
    /meant tracerProvider.*meterProvider must be an object, not 2/,
  );
});
