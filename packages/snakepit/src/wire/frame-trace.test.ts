import { expect, test } from "vitest";
import type { TraceFrame } from "../adapter.ts";
import { callContext } from "../fixtures/call-context.ts";
import { until } from "../fixtures/until.ts";
import { WireHost } from "./fixture-host.ts";

/** Without the sizes, of which the tests say more. */
function told(frames: readonly TraceFrame[]) {
  return frames.map(({ direction, kind, id, command, value }) => {
    const arrow = direction === "to-worker" ? "->" : "<-";
    return [arrow, kind, id, command, value];
  });
}

test("whoever watches a channel is told of each record in both directions", async () => {
  await using host = await WireHost.open();
  const { channel, worker } = await host.connect("w1");
  const frames: TraceFrame[] = [];
  const watch = channel.trace((frame) => frames.push(frame));
  const answer = channel.execute("add", { a: 1 }, callContext());
  const other = channel.execute("fail", "why", callContext());
  await worker.frame();
  channel.endSession("user_1");
  await worker.frame();
  worker.send([2, [0, 1, 3], [1, 2, { type: "Oops", message: "no" }], [5, 0, "info", "hello"]]);
  expect(await answer).toBe(3);
  await expect(other).rejects.toThrow("no");
  expect(told(frames)).toEqual([
    ["->", "call", "1", "add", { a: 1 }],
    ["->", "call", "2", "fail", "why"],
    ["->", "sessionEnd", undefined, undefined, "user_1"],
    ["<-", "result", "1", "add", 3],
    ["<-", "error", "2", "fail", { type: "Oops", message: "no" }],
    ["<-", "log", undefined, undefined, ["info", "hello"]],
  ]);
  watch[Symbol.dispose]();
  const unseen = channel.execute("add", {}, callContext());
  await worker.frame();
  worker.send([1, [0, 2, null]]);
  await unseen;
  expect(frames).toHaveLength(6);
});

test("the sizes of the records add up to what was sent", async () => {
  await using host = await WireHost.open();
  const { channel, worker } = await host.connect("w1");
  const frames: TraceFrame[] = [];
  using _ = channel.trace((frame) => frames.push(frame));
  for (const text of ["short", "x".repeat(10_000)])
    channel.execute("echo", text, callContext()).catch(() => {});
  const bytes = Buffer.byteLength(JSON.stringify(await worker.frame()));
  expect(frames.reduce((sum, frame) => sum + frame.bytes, 0)).toBeGreaterThan(bytes - 20);
  expect(frames.reduce((sum, frame) => sum + frame.bytes, 0)).toBeLessThanOrEqual(bytes);
  expect(frames[1]?.bytes).toBeGreaterThan(10_000);
});

test("a call that cannot be sent is not told of", async () => {
  await using host = await WireHost.open();
  const { channel, worker } = await host.connect("w1");
  const frames: TraceFrame[] = [];
  using _ = channel.trace((frame) => frames.push(frame));
  const refused = channel.execute("bad", 1n, callContext());
  channel.execute("good", 1, callContext()).catch(() => {});
  await expect(refused).rejects.toMatchObject({ code: "SERIALIZATION" });
  await worker.frame();
  expect(told(frames)).toEqual([["->", "call", "1", "good", 1]]);
});

test("a listener that throws is told once, and the call does not notice", async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => void warnings.push(warning);
  process.on("warning", warned);
  await using host = await WireHost.open();
  const { channel, worker } = await host.connect("w1");
  const frames: TraceFrame[] = [];
  let calls = 0;
  using _ = channel.trace(() => {
    calls++;
    throw new Error("mine");
  });
  using __ = channel.trace((frame) => frames.push(frame));
  const answer = channel.execute("echo", 1, callContext());
  await worker.frame();
  worker.send([1, [0, 1, 1]]);
  expect(await answer).toBe(1);
  await until(() => warnings.length > 0);
  process.off("warning", warned);
  expect([calls, frames.length, warnings[0]?.message]).toEqual([
    1,
    2,
    "a trace listener threw: Error: mine",
  ]);
});
