/** Spans of both languages in one trace, with the real SDK of each. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import type { PoolEventOf } from "snakepit";
import { instrument } from "snakepit/otel";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Bridge, createBridge } from "./bridge.ts";
import type { BridgeOptions } from "./options.ts";

const venv = fileURLToPath(new URL("../../../python/.venv/bin/python", import.meta.url));
const executable = process.env["SNAKEPIT_PYTHON"] ?? (existsSync(venv) ? venv : undefined);
if (executable === undefined) {
  console.warn(`SKIPPED: traces of both languages; set SNAKEPIT_PYTHON or create ${venv}`);
}
const fixtures = fileURLToPath(new URL("./fixtures", import.meta.url));

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());

interface WorkerSpan {
  readonly name: string;
  readonly kind: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly status: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
}

async function startBridge(preload: string, options: BridgeOptions = {}): Promise<Bridge> {
  const python = { preload: [preload], path: [fixtures] };
  const bridge = await createBridge({
    maxWorkers: 1,
    ...options,
    python: { ...python, ...(executable === undefined ? {} : { executable }) },
  });
  onTestFinished(() => bridge.close({ graceMs: 0 }));
  return bridge;
}

/** Everything that `work` calls is below one span of the application's. */
async function inTrace(bridge: Bridge, work: () => Promise<unknown>) {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  using _ = instrument(bridge.pool, { tracerProvider });
  const request = tracerProvider.getTracer("the application").startSpan("request");
  const result = await context.with(trace.setSpan(ROOT_CONTEXT, request), work);
  request.end();
  const worker = (await bridge.execute("traced.spans").catch(() => [])) as WorkerSpan[];
  return {
    result,
    traceId: request.spanContext().traceId,
    host: (name: string) => {
      const [span] = exporter.getFinishedSpans().filter((one) => one.name === name);
      if (span === undefined) throw new Error(`no span ${name}`);
      return span.spanContext();
    },
    worker: (name: string) => {
      const [span] = worker.filter((one) => one.name === name);
      if (span === undefined) throw new Error(`no span ${name} in the worker`);
      return span;
    },
  };
}

async function collect(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const chunks: unknown[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

describe.skipIf(executable === undefined)("a trace", () => {
  test.each(["socket", "grpc"] as const)(
    "goes on in the worker, below the attempt that the host tells of, over %s",
    async (transport) => {
      const bridge = await startBridge("traced_commands", { transport });
      const calls = {
        short: () => bridge.execute("traced.short", { n: 1 }),
        context: () => bridge.execute("traced.context", { message: "hello" }),
        async: () => bridge.execute("traced.async", { n: 1 }),
        stream: () => collect(bridge.stream("traced.stream", { n: 2 })),
        stream_async: () => collect(bridge.stream("traced.stream_async", { n: 2 })),
      };
      for (const [name, call] of Object.entries(calls)) {
        const { traceId, host, worker } = await inTrace(bridge, call);
        const outer = worker(`snakepit.worker traced.${name}`);
        expect(outer).toMatchObject({
          traceId,
          kind: "SERVER",
          status: "UNSET",
          parentId: host(`run traced.${name}`).spanId,
          attributes: { "rpc.system.name": "snakepit", "rpc.method": `traced.${name}` },
        });
        const isStream = name.startsWith("stream");
        const inner = isStream ? [`inner ${name} 0`, `inner ${name} 1`] : [`inner ${name}`];
        for (const one of inner)
          expect(worker(one)).toMatchObject({ traceId, parentId: outer.spanId });
      }
    },
  );

  test("comes back with what a handler logs and measures, in the span where it does", async () => {
    const bridge = await startBridge("traced_commands");
    const heard: PoolEventOf<"worker-log" | "worker-telemetry">[] = [];
    bridge.pool.on("worker-log", (event) => heard.push(event));
    bridge.pool.on("worker-telemetry", (event) => heard.push(event));
    const call = () =>
      bridge.execute("traced.context", { message: "hello" }, { correlationId: "request-7" });
    const { result, traceId, host, worker } = await inTrace(bridge, call);
    const run = host("run traced.context");
    expect(result).toEqual({
      traceparent: `00-${traceId}-${run.spanId}-01`,
      tracestate: null,
      correlationId: "request-7",
    });
    const { spanId } = worker("inner context");
    const correlation = {
      traceparent: `00-${traceId}-${spanId}-01`,
      correlationId: "request-7",
    };
    expect(heard).toMatchObject([
      { name: "worker-log", message: "hello", correlation },
      { name: "worker-telemetry", event: "model-loaded", correlation },
    ]);
    const { attributes } = worker("snakepit.worker traced.context");
    expect(attributes).toMatchObject({ "snakepit.correlation.id": "request-7" });
  });

  test("marks what failed, without its message", async () => {
    const bridge = await startBridge("traced_commands");
    const { worker } = await inTrace(bridge, () =>
      bridge.execute("traced.fail").catch(() => undefined),
    );
    const span = worker("snakepit.worker traced.fail");
    expect(span).toMatchObject({ status: "ERROR", attributes: { "error.type": "ValueError" } });
    expect(JSON.stringify(span)).not.toContain("secret");
  });

  test("ends with its call: the next one on that thread is in no trace", async () => {
    const bridge = await startBridge("traced_commands");
    await inTrace(bridge, () => bridge.execute("traced.context", { message: "traced" }));
    await inTrace(bridge, () => bridge.execute("traced.async", { n: 1 }));
    const lines: (string | undefined)[] = [];
    bridge.pool.on("worker-log", ({ correlation }) => lines.push(correlation?.traceparent));
    const untraced = await bridge.execute("traced.context", { message: "untraced" });
    expect(untraced).toEqual({ traceparent: null, tracestate: null, correlationId: null });
    await bridge.execute("traced.async", { n: 1 });
    const spans = (await bridge.execute("traced.spans")) as WorkerSpan[];
    const roots = spans.filter(({ parentId }) => parentId === null).map(({ name }) => name);
    expect(roots).toEqual(["inner context", "inner async"]);
    expect(lines).toEqual([undefined]);
  });

  test("a call with a correlation id and no trace tells it, and loads no OpenTelemetry", async () => {
    const bridge = await startBridge("untraced_commands");
    const heard: unknown[] = [];
    bridge.pool.on("worker-log", ({ correlation }) => heard.push(correlation));
    const call = (options?: object) =>
      bridge.execute("untraced.context", { message: "hello" }, options);
    expect(await call({ correlationId: "request-7" })).toEqual({
      traceparent: null,
      tracestate: null,
      correlationId: "request-7",
    });
    const session = bridge.session("ada");
    const inSession = session.execute("untraced.context", { message: "a" }, { correlationId: "b" });
    expect(await inSession).toMatchObject({ correlationId: "b" });
    expect(await call()).toMatchObject({ correlationId: null });
    expect(heard).toEqual([{ correlationId: "request-7" }, { correlationId: "b" }, undefined]);
    const { result, traceId } = await inTrace(bridge, () => call());
    expect(result).toMatchObject({ traceparent: expect.stringContaining(traceId) });
    expect(await bridge.execute("untraced.modules")).toEqual([]);
  });
});
