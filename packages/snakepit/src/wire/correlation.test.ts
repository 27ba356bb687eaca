import { afterEach, beforeEach, expect, test } from "vitest";
import type { Correlation, TelemetryReport } from "../adapter.ts";
import { callContext } from "../fixtures/call-context.ts";
import { receivedCorrelation } from "./correlation.ts";
import { WireHost } from "./fixture-host.ts";

let host: WireHost;

beforeEach(async () => {
  host = await WireHost.open();
});
afterEach(() => host[Symbol.asyncDispose]());

const correlation: Correlation = {
  traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
  tracestate: "vendor=1",
  correlationId: "request-7",
};

test("a call carries its correlation behind its session, and nothing when it has none", async () => {
  const { channel, worker } = await host.connect("w1");
  const session = { id: "ada" };
  void channel.execute("plain", 1, callContext());
  void channel.execute("in session", 2, { ...callContext(), session });
  void channel.execute("traced", 3, { ...callContext(), correlation });
  void channel.execute("both", 4, { ...callContext(), session, correlation });
  const [, ...records] = (await worker.frame()) as [number, ...unknown[][]];
  expect(records.map((record) => record.slice(2))).toEqual([
    ["plain", 1, null],
    ["in session", 2, null, "ada"],
    ["traced", 3, null, null, correlation],
    ["both", 4, null, "ada", correlation],
  ]);
});

test("what a worker says of itself arrives with its correlation, or without one", async () => {
  const { channel, worker } = await host.connect("w1");
  const heard: unknown[] = [];
  channel.onLog = (...line) => heard.push(line);
  channel.onTelemetry = (report: TelemetryReport) => heard.push(report);
  const later = { ...correlation, added: "in a later version" };
  worker.send([0, [5, 0, "info", "a", later], [5, 0, "info", "b"]]);
  worker.send([0, [7, 0, "e", null, null, later], [7, 0, "e"]]);
  await expect.poll(() => heard.length).toBe(4);
  const nothing = { event: "e", measurements: {}, metadata: {} };
  expect(heard).toEqual([
    ["info", "a", correlation],
    ["info", "b", undefined],
    { ...nothing, correlation },
    nothing,
  ]);
});

test.each([
  ["text", "is no map"],
  [7, "is no map"],
  [[], "is no map"],
  [new Uint8Array(3), "is no map"],
  [{ traceparent: 7 }, "traceparent"],
  [{ traceparent: correlation.traceparent?.toUpperCase() }, "traceparent"],
  [{ traceparent: correlation.traceparent?.replace(/^00/, "ff") }, "traceparent"],
  [{ tracestate: "x".repeat(513) }, "tracestate"],
  [{ correlationId: "" }, "correlationId"],
  [{ correlationId: "a\nb" }, "correlationId"],
  [{ correlationId: "x".repeat(201) }, "correlationId"],
])("the correlation %j is no good", (value, problem) => {
  expect(() => receivedCorrelation(value)).toThrow(problem);
});

test("what is absent is no correlation", () => {
  expect(receivedCorrelation(undefined)).toBeUndefined();
  expect(receivedCorrelation(null)).toBeUndefined();
  expect(receivedCorrelation({ added: "later" })).toBeUndefined();
});
