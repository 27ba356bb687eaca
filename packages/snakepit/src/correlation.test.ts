import { expect, test } from "vitest";
import type { Correlation } from "./adapter.ts";
import { addTraceSource } from "./correlation.ts";
import { createPool } from "./create-pool.ts";
import { smallPool } from "./fixtures/small-pool.ts";
import type { Pool } from "./pool.ts";
import { fakeAdapter } from "./testing/fake-adapter.ts";

const traceparent = (span: string) => `00-${"a".repeat(32)}-${span.padStart(16, "0")}-01`;

/** Tells what the worker was told. */
const handlers = {
  seen: (_: unknown, { correlation }: { correlation?: Correlation | undefined }) => correlation,
};

test("a worker sees the correlation id of its call, and of one without nothing", async () => {
  await using one = await smallPool({ handlers });
  expect(await one.pool.execute("seen", 0, { correlationId: "request-7" })).toEqual({
    correlationId: "request-7",
  });
  expect(await one.pool.execute("seen")).toBeUndefined();
  expect(one.events.filter(({ name }) => name === "call-submitted")).toMatchObject([
    { correlationId: "request-7" },
    { correlationId: undefined },
  ]);
});

test("calls that the host makes on behalf of a call inherit its correlation id", async () => {
  let pool: Pool | undefined;
  const adapter = fakeAdapter({
    handlers: {
      ...handlers,
      outer: (_, context) =>
        context.callHost(() =>
          Promise.all([pool?.execute("seen"), pool?.execute("seen", 0, { correlationId: "own" })]),
        ),
    },
  });
  await using made = await createPool({ adapter });
  pool = made;
  expect(await pool.execute("outer", 0, { correlationId: "request-7" })).toEqual([
    { correlationId: "request-7" },
    { correlationId: "own" },
  ]);
});

test("a call carries the span that its tracer knows, each tracer until it is disposed of", async () => {
  await using one = await smallPool({ handlers });
  const asked: string[] = [];
  const first = addTraceSource((callId) => {
    asked.push(callId);
    return { traceparent: traceparent("1"), tracestate: "a=1" };
  });
  const seen = () => one.pool.execute("seen", 0, { correlationId: "id" });
  expect(await seen()).toEqual({
    traceparent: traceparent("1"),
    tracestate: "a=1",
    correlationId: "id",
  });
  expect(asked).toEqual([expect.stringMatching(/^call-\d+$/)]);
  const second = addTraceSource(() => ({ traceparent: traceparent("2") }));
  const other = addTraceSource(() => undefined); // it follows other calls
  expect(await one.pool.execute("seen")).toEqual({ traceparent: traceparent("2") });
  second[Symbol.dispose]();
  expect(await one.pool.execute("seen")).toMatchObject({ traceparent: traceparent("1") });
  for (const source of [first, other, first]) source[Symbol.dispose]();
  expect(await one.pool.execute("seen")).toBeUndefined();
});
