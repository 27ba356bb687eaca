import { execFile } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { EventHub } from "./event-hub.ts";
import type { PoolEventName, PublishedEvent } from "./events.ts";
import { fixture } from "./fixtures/processes.ts";
import { smallPool } from "./fixtures/small-pool.ts";

function followed(name: PoolEventName): PublishedEvent[] {
  const events: PublishedEvent[] = [];
  const keep = (message: unknown) => void events.push(message as PublishedEvent);
  subscribe(`snakepit:${name}`, keep);
  onTestFinished(() => void unsubscribe(`snakepit:${name}`, keep));
  return events;
}

test("a subscriber hears all pools of the process, and which one it was", async () => {
  const ended = followed("call-ended");
  const ready = followed("pool-ready");
  await using first = await smallPool();
  await using second = await smallPool();
  await second.pool.execute("echo");
  await first.pool.execute("echo");
  const [a, b] = ready.map(({ pool }) => pool);
  expect(a).not.toBe(b);
  expect(ended).toMatchObject([
    { name: "call-ended", command: "echo", pool: b },
    { name: "call-ended", command: "echo", pool: a },
  ]);
});

test("without telemetry nothing is published, and listeners of the pool hear as before", async () => {
  const ended = followed("call-ended");
  const closed = followed("pool-closed");
  await using one = await smallPool({ options: { telemetry: false } });
  await one.pool.execute("echo");
  await one.pool.close();
  expect([...ended, ...closed]).toEqual([]);
  expect(one.events.map(({ name }) => name)).toContain("call-ended");
});

test("a subscriber that throws does no harm to the pool; Node reports it", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    fixture("throwing-subscriber.mjs"),
  ]);
  expect(JSON.parse(stdout)).toEqual({
    replies: [1, 2],
    succeeded: 2,
    running: 0,
    thrown: ["from the subscriber", "from the subscriber"],
  });
});

test("calls are told only while somebody wants them", () => {
  const hub = new EventHub("a", true);
  const wants = (one = hub) => [one.wantsSubmitted, one.wantsStarted, one.wantsEnded];
  const [none, all] = [
    [false, false, false],
    [true, true, true],
  ];
  expect(wants()).toEqual(none);
  const others = hub.on("worker-ready", () => {});
  expect(wants()).toEqual(none);
  others[Symbol.dispose]();
  const kinds = ["call-submitted", "call-started", "call-ended"] as const;
  for (const name of [...kinds, "*"] as const) {
    const one = hub.on(name, () => {});
    const two = hub.on(name, () => {});
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    expect(wants()).toEqual(all);
    two[Symbol.dispose]();
    expect(wants()).toEqual(none);
  }
  for (const name of kinds) {
    const keep = () => {};
    subscribe(`snakepit:${name}`, keep);
    expect(wants()).toEqual(kinds.map((kind) => kind === name));
    expect(wants(new EventHub("b", false))).toEqual(none);
    unsubscribe(`snakepit:${name}`, keep);
    expect(wants()).toEqual(none);
  }
});
