import { expect, test } from "vitest";
import type { Worker } from "../worker.ts";
import { type PoolParts, PoolView } from "./pool-view.ts";

function viewOf(options: object): PoolView {
  const adapter = { name: "ours" };
  return new PoolView({
    name: "general",
    options: { adapter, ...options },
  } as unknown as PoolParts);
}

test("of an adapter that shows no frames, that is what is said", () => {
  const worker = { id: "w1", phase: "ready", connection: {} } as unknown as Worker;
  expect(() => viewOf({}).trace(worker, () => {})).toThrow(
    "[UNSUPPORTED] the adapter ours shows no frames: its connections have no trace()",
  );
});

test("of a worker that is not there yet, that is what is said", () => {
  const worker = { id: "w1", phase: "starting", connection: undefined } as unknown as Worker;
  expect(() => viewOf({}).trace(worker, () => {})).toThrow("worker w1 is starting");
});

test("of the options numbers and names are told, and nothing of what an adapter was given", () => {
  const adapter = { name: "ours", token: "hush" };
  const launcher = { name: "cluster", token: "hush" };
  const warmUp = [{ command: "load", args: { token: "hush" } }];
  const limits = { maxQueue: 7, maxCalls: Number.POSITIVE_INFINITY };
  const options = viewOf({ adapter, launcher, warmUp, circuit: undefined, ...limits }).options();
  expect(options).toMatchObject({
    ...{ maxQueue: 7, maxCalls: "Infinity", launcher: "cluster" },
    ...{ warmUp: ["load"], circuit: false },
  });
  expect(JSON.stringify(options)).not.toContain("hush");
});
