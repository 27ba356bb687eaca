import {
  context,
  createTraceState,
  ROOT_CONTEXT,
  type SpanContext,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type TracerConfig,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CallContext } from "../adapter.ts";
import { smallPool } from "../fixtures/small-pool.ts";
import { instrument } from "./index.ts";

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());

const request: SpanContext = {
  traceId: "a".repeat(32),
  spanId: "b".repeat(16),
  traceFlags: TraceFlags.SAMPLED,
  traceState: createTraceState("vendor=1"),
};
const inRequest = <Result>(work: () => Result) =>
  context.with(trace.setSpanContext(ROOT_CONTEXT, request), work);

/** What the worker was told, and the spans of the host. */
async function call(config: TracerConfig, fails = 0) {
  const exporter = new InMemorySpanExporter();
  const spanProcessors = [new SimpleSpanProcessor(exporter)];
  const tracerProvider = new BasicTracerProvider({ ...config, spanProcessors });
  const seen: CallContext["correlation"][] = [];
  await using one = await smallPool({
    handlers: {
      seen: (_, { correlation }, workerId) => {
        seen.push(correlation);
        if (seen.length <= fails) one.adapter.kill(workerId);
      },
    },
  });
  using _ = instrument(one.pool, { tracerProvider });
  const options = { correlationId: "request-7", idempotent: true };
  await inRequest(() => one.pool.execute("seen", 0, options));
  return { seen, spans: exporter.getFinishedSpans() };
}

test("a worker is told of the span in which its call runs, which knows the correlation id", async () => {
  const { seen, spans } = await call({});
  const run = spans.find(({ name }) => name === "run seen");
  expect(seen).toEqual([
    {
      traceparent: `00-${request.traceId}-${run?.spanContext().spanId}-01`,
      tracestate: "vendor=1",
      correlationId: "request-7",
    },
  ]);
  expect(run?.attributes["snakepit.correlation.id"]).toBe("request-7");
});

test("each attempt is told of its own", async () => {
  const { seen, spans } = await call({}, 1);
  const runs = spans.filter(({ name }) => name === "run seen");
  expect(runs).toHaveLength(2);
  expect(seen.map((one) => one?.traceparent?.split("-")[2])).toEqual(
    runs.map((span) => span.spanContext().spanId),
  );
});

test("a trace that nobody records goes on as one that nobody records", async () => {
  const { seen, spans } = await call({ sampler: new AlwaysOffSampler() });
  expect(spans).toEqual([]);
  expect(seen[0]?.traceparent).toMatch(new RegExp(`^00-${request.traceId}-[0-9a-f]{16}-00$`));
});

test("without an SDK only the correlation id is told", async () => {
  const seen: CallContext["correlation"][] = [];
  const handlers = {
    seen: (_: unknown, { correlation }: CallContext) => void seen.push(correlation),
  };
  await using one = await smallPool({ handlers });
  using _ = instrument(one.pool); // of the global provider, which nobody has set
  await one.pool.execute("seen");
  await one.pool.execute("seen", 0, { correlationId: "request-7" });
  expect(seen).toEqual([undefined, { correlationId: "request-7" }]);
});
