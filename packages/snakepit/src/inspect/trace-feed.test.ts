import { expect, test } from "vitest";
import type { TraceFrame } from "../adapter.ts";
import { until } from "../fixtures/until.ts";
import { TraceFeed, type TraceLine } from "./trace-feed.ts";

const frame: TraceFrame = {
  direction: "to-worker",
  kind: "call",
  id: "1",
  command: "add",
  bytes: 12,
  value: { a: 1 },
};

test("frames beyond what a reader takes are dropped and counted, and the others come in order", async () => {
  const lines: TraceLine[] = [];
  let read = () => {};
  const send = (line: TraceLine) => {
    lines.push(line);
    return new Promise<void>((resolve) => {
      read = resolve;
    });
  };
  using feed = new TraceFeed({ values: false, send });
  for (let id = 1; id <= 100_000; id++) feed.add({ ...frame, id: String(id) });
  await until(() => lines.length === 1);
  for (let id = 1; id <= 100_000; id++) feed.add(frame);
  read();
  await until(() => lines.length === 2);
  expect(lines.map(({ frames, dropped }) => [frames.length, dropped])).toEqual([
    [1_000, 99_000],
    [1_000, 99_000],
  ]);
  expect(lines[0]?.frames.map(({ id }) => Number(id))).toEqual(
    Array.from({ length: 1_000 }, (_, index) => index + 1),
  );
});

test("a secret that is known never leaves with a value", async () => {
  const told: TraceLine[] = [];
  const redact = (text: string) => text.replaceAll("hunter2", "[redacted]");
  using feed = new TraceFeed({
    values: true,
    redact,
    send: async (line) => void told.push(line),
  });
  feed.add({ ...frame, value: { note: "it is hunter2" } });
  await feed.flush();
  expect(told[0]?.frames[0]?.value).toBe('{"note":"it is [redacted]"}');
});

test("what frames carry is told only to those who ask for it", async () => {
  const told: TraceLine[] = [];
  const send = async (line: TraceLine) => void told.push(line);
  using silent = new TraceFeed({ values: false, send });
  using open = new TraceFeed({ values: true, send });
  silent.add(frame);
  await silent.flush();
  open.add(frame);
  await open.flush();
  expect(told.map(({ frames }) => frames[0])).toEqual([
    {
      direction: "to-worker",
      kind: "call",
      id: "1",
      command: "add",
      bytes: 12,
      atMs: expect.any(Number),
    },
    expect.objectContaining({ value: '{"a":1}' }),
  ]);
});

test("a feed that has ended sends nothing more", async () => {
  const told: TraceLine[] = [];
  const feed = new TraceFeed({ values: false, send: async (line) => void told.push(line) });
  feed.add(frame);
  feed[Symbol.dispose]();
  feed.add(frame);
  await feed.flush();
  expect(told).toEqual([]);
});
