import type { Bridge, BridgeOptions } from "snakepit-grpc-bridge";
import { expect, test } from "vitest";
import { BridgeSlot } from "./bridge-slot.ts";

/** Starts that end when the test says so. */
function starts() {
  const begun: { options: BridgeOptions; succeed(): Bridge; fail(error: Error): void }[] = [];
  const closed: Bridge[] = [];
  const start = (options: BridgeOptions = {}): Promise<Bridge> =>
    new Promise((resolve, reject) => {
      const bridge = {
        close: async () => {
          closed.push(bridge);
        },
      } as unknown as Bridge;
      begun.push({
        options,
        fail: reject,
        succeed: () => {
          resolve(bridge);
          return bridge;
        },
      });
    });
  return { start, begun, closed };
}

test("nothing starts before the first call, and concurrent first calls share one start", async () => {
  const { start, begun } = starts();
  const slot = new BridgeSlot({ maxWorkers: 3 }, start);
  expect(begun).toHaveLength(0);
  const calls = [slot.open({}), slot.open({}), slot.open({ timeoutMs: 60_000 })];
  expect(begun).toHaveLength(1);
  const bridge = begun[0]?.succeed();
  for (const call of calls) expect((await call).bridge).toBe(bridge);
  expect((await slot.open({})).bridge).toBe(bridge);
  expect(begun[0]?.options).toEqual({ maxWorkers: 3 });
});

test("a failed start is told to all who wait for it, and the next call tries again", async () => {
  const { start, begun } = starts();
  const slot = new BridgeSlot({}, start);
  const calls = [slot.open({}), slot.open({})];
  const failure = new Error("no Python");
  begun[0]?.fail(failure);
  for (const call of calls) await expect(call).rejects.toBe(failure);
  const again = slot.open({});
  const bridge = begun[1]?.succeed();
  expect((await again).bridge).toBe(bridge);
});

test("a caller who stops waiting does not stop the start", async () => {
  const { start, begun } = starts();
  const slot = new BridgeSlot({}, start);
  const abort = new AbortController();
  const impatient = slot.open({ signal: abort.signal });
  const patient = slot.open({});
  const reason = new Error("changed my mind");
  abort.abort(reason);
  await expect(impatient).rejects.toBe(reason);
  begun[0]?.succeed();
  await patient;
  expect(begun).toHaveLength(1);
});

test("a deadline covers the start, and says that nothing was sent", async () => {
  const { start, begun } = starts();
  const slot = new BridgeSlot({}, start);
  await expect(slot.open({ timeoutMs: 1 })).rejects.toMatchObject({
    code: "TIMEOUT",
    outcome: "not-started",
    details: { timeoutMs: 1 },
  });
  const later = slot.open({ timeoutMs: Number.POSITIVE_INFINITY });
  begun[0]?.succeed();
  expect((await later).timeoutMs).toBe(Number.POSITIVE_INFINITY);
});

test("the time that the start took is taken off the deadline", async () => {
  const { start, begun } = starts();
  const slot = new BridgeSlot({}, start);
  const call = slot.open({ timeoutMs: 60_000 });
  begun[0]?.succeed();
  expect((await call).timeoutMs).toBeLessThan(60_000);
});

test("closing ends a bridge that is still starting, and its callers hear of the closing", async () => {
  const { start, begun, closed } = starts();
  const slot = new BridgeSlot({}, start);
  const call = slot.open({});
  const closing = slot.close();
  const bridge = begun[0]?.succeed();
  await expect(call).rejects.toMatchObject({ code: "POOL_CLOSED", outcome: "not-started" });
  await closing;
  expect(closed).toEqual([bridge]);
  await expect(slot.open({})).rejects.toMatchObject({ code: "POOL_CLOSED" });
  await slot.close();
  expect(closed).toHaveLength(1);
});

test("a replaced bridge ends, and later calls get the new one", async () => {
  const { start, begun, closed } = starts();
  const slot = new BridgeSlot({ maxWorkers: 1 }, start);
  const first = slot.open({});
  const old = begun[0]?.succeed();
  await first;
  slot.replace({ maxWorkers: 2 });
  const second = slot.open({});
  const bridge = begun[1]?.succeed();
  expect((await second).bridge).toBe(bridge);
  expect(begun[1]?.options).toEqual({ maxWorkers: 2 });
  await slot.close();
  expect(new Set(closed)).toEqual(new Set([old, bridge]));
});

test("a slot that was never used closes without starting anything", async () => {
  const { start, begun } = starts();
  await new BridgeSlot({}, start).close();
  expect(begun).toHaveLength(0);
});
