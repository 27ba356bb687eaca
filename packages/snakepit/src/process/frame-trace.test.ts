import { expect, test } from "vitest";
import type { TraceFrame } from "../adapter.ts";
import { callContext } from "../fixtures/call-context.ts";
import { fixture } from "../fixtures/processes.ts";
import { localLauncher } from "../local/local-launcher.ts";
import { nodeAdapter, type processAdapter } from "./index.ts";

async function connected(adapter: ReturnType<typeof processAdapter>) {
  const signal = new AbortController().signal;
  await adapter.open?.({ signal });
  const worker = await localLauncher().launch(adapter.spec(), { workerId: "w1", signal });
  const hears = { log: () => {}, telemetry: () => {} };
  const connection = await adapter.connect(worker, { signal, ...hears });
  return {
    connection,
    [Symbol.asyncDispose]: async () => void (await worker.stop({ graceMs: 0 })),
  };
}

const protocols = [
  { protocol: "json-lines" },
  { protocol: "packets", codec: "json" },
  { protocol: "packets", codec: "msgpack" },
] as const;

test.each(protocols)("frames of $protocol $codec are told in both directions", async (options) => {
  const { protocol, ...rest } = options;
  const args = [protocol, ...("codec" in rest ? [rest.codec] : [])];
  const script = fixture("protocol-worker.mjs");
  await using one = await connected(nodeAdapter({ script, args, ...options }));
  const { connection } = one;
  const frames: TraceFrame[] = [];
  using _ = connection.trace?.((frame) => frames.push(frame));
  expect(await connection.execute("echo", { text: "hello" }, callContext())).toEqual({
    text: "hello",
  });
  await expect(connection.execute("fail", {}, callContext())).rejects.toThrow();
  await connection.ping(callContext());
  const seen = frames.map(({ direction, kind, command }) => [direction, kind, command]);
  expect(seen).toEqual([
    ["to-worker", "call", "echo"],
    ["to-host", "result", "echo"],
    ["to-worker", "call", "fail"],
    ["to-host", "error", "fail"],
    ["to-worker", "health_check", undefined],
    ["to-host", "health_response", undefined],
  ]);
  expect(frames[0]?.value).toEqual({ text: "hello" });
  expect(frames[1]).toMatchObject({ id: frames[0]?.id, value: { text: "hello" } });
  for (const { bytes } of frames) expect(bytes).toBeGreaterThan(10);
});

test("the chunks and the end of a stream are told, and a cancel", async () => {
  await using one = await connected(nodeAdapter({ script: fixture("node-worker.mjs") }));
  const { connection } = one;
  const frames: TraceFrame[] = [];
  using _ = connection.trace?.((frame) => frames.push(frame));
  const kinds = () => frames.map(({ kind }) => kind);
  for await (const _chunk of connection.stream?.("count", { to: 2 }, callContext()) ?? []);
  expect(kinds()).toEqual(["stream", "chunk", "chunk", "end"]);
  expect(frames[1]?.value).toBe(1);
  const context = callContext();
  const call = connection.execute("untilCancelled", {}, context);
  await new Promise(setImmediate); // sent, as otherwise it would be taken back
  context.cancel();
  await call;
  expect(kinds().slice(4)).toEqual(["call", "cancel", "result"]);
});
