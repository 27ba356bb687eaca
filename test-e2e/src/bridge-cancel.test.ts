import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { made, temporaryFolder, testBridge, written } from "./workspace.ts";

test("an abort rejects with the signal's reason at once and really stops the Python task", async () => {
  const bridge = await testBridge();
  const mark = `${temporaryFolder()}/mark`;
  const cancel = new AbortController();
  const reason = new Error("no longer needed");
  const call = bridge.execute("e2e.sleep_async", { seconds: 60, mark }, { signal: cancel.signal });
  await made(`${mark}.began`);
  cancel.abort(reason);
  await expect(call).rejects.toBe(reason);
  expect(await written(mark)).toBe("cancelled");
});

test("a deadline stops the Python task as well", async () => {
  const bridge = await testBridge();
  const mark = `${temporaryFolder()}/mark`;
  const call = bridge.execute("e2e.sleep_async", { seconds: 60, mark }, { timeoutMs: 2_000 });
  await made(`${mark}.began`);
  await expect(call).rejects.toMatchObject({
    code: "TIMEOUT",
    outcome: "unknown",
    details: { timeoutMs: 2_000 },
  });
  expect(await written(mark)).toBe("cancelled");
});

test("synchronous code sees the cancel at its next check", async () => {
  const bridge = await testBridge();
  const mark = `${temporaryFolder()}/mark`;
  const cancel = new AbortController();
  const call = bridge.execute("e2e.poll", { mark }, { signal: cancel.signal });
  await made(`${mark}.began`);
  cancel.abort();
  await expect(call).rejects.toThrow();
  expect(await written(mark)).toBe("cancelled");
});

test("the time that is left travels to the handler", async () => {
  const bridge = await testBridge();
  const seconds = (await bridge.execute("e2e.remaining", {}, { timeoutMs: 20_000 })) as number;
  expect(seconds).toBeGreaterThan(10);
  expect(seconds).toBeLessThanOrEqual(20);
  expect(
    await bridge.execute("e2e.remaining", {}, { timeoutMs: Number.POSITIVE_INFINITY }),
  ).toBeNull();
});

test("code that hears nothing costs its worker after the grace, and calls go on elsewhere", async () => {
  const bridge = await testBridge({ maxWorkers: 2, cancelGraceMs: 100 });
  const before = await bridge.execute("e2e.pid");
  const stopped = new Promise((resolve) => bridge.pool.on("worker-stopped", resolve));
  const call = bridge.execute("e2e.deaf", { seconds: 120 }, { timeoutMs: 1_000 });
  await expect(call).rejects.toMatchObject({ code: "TIMEOUT" });
  expect(await stopped).toMatchObject({ reason: "cancel-ignored" });
  expect(await bridge.execute("e2e.pid")).not.toBe(before);
});

test("a slow call does not hold up others on the same worker", async () => {
  const bridge = await testBridge();
  const gate = `${temporaryFolder()}/gate`;
  const slow = bridge.execute("e2e.at_gate", { gate, number: 1 });
  await made(`${gate}.1`);
  expect(await bridge.execute("echo", { quick: true })).toEqual({ quick: true });
  writeFileSync(gate, "");
  expect(await slow).toBe(1);
});

test("a signal that is aborted already sends nothing", async () => {
  const bridge = await testBridge();
  const reason = new Error("never mind");
  await expect(bridge.execute("echo", {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(
    reason,
  );
  expect(bridge.pool.stats()).toMatchObject({ running: 0, queued: 0 });
});
