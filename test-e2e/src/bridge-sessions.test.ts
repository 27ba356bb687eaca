import type { TelemetryReport } from "snakepit";
import { expect, test } from "vitest";
import { callContext, connectedWorkers } from "./connected-worker.ts";
import { testBridge } from "./workspace.ts";

for (const transport of ["socket", "grpc"] as const) {
  test(`a call tells its session, and the worker drops what it keeps when that is over, over ${transport}`, async () => {
    const [worker] = await connectedWorkers(1, { transport });
    const remember = (value: string, id?: string) =>
      worker?.execute("e2e.remember", { value }, callContext(id === undefined ? id : { id }));
    await remember("one", "ada");
    expect(await remember("two", "ada")).toEqual(["one", "two"]);
    expect(await remember("three", "bob")).toEqual(["three"]);
    expect(await remember("four")).toEqual(["four"]);
    worker?.endSession?.("ada");
    worker?.endSession?.("nobody");
    const sessions = () => worker?.execute("e2e.sessions", {}, callContext()) as Promise<string[]>;
    while ((await sessions()).includes("ada"));
    expect(await sessions()).toEqual(["bob"]);
    expect(await remember("five", "ada")).toEqual(["five"]);
  });

  test(`what a handler measures reaches the host over ${transport}`, async () => {
    const reports: TelemetryReport[] = [];
    const [worker] = await connectedWorkers(1, {
      transport,
      telemetry: (report) => reports.push(report),
    });
    const before = performance.now();
    await worker?.execute("e2e.measure", {}, callContext());
    while (reports.length === 0) await worker?.ping(callContext());
    expect(reports).toEqual([
      {
        event: "model-loaded",
        measurements: { seconds: 1.5 },
        metadata: { model: "demo", layers: [2, 3] },
      },
    ]);
    expect(worker?.heardMs).toBeGreaterThanOrEqual(before);
  });
}

test("a session that is deleted is gone from its worker too", async () => {
  const bridge = await testBridge();
  const session = bridge.pool.session("ada");
  await session.execute("e2e.remember", { value: "one" });
  expect(await session.execute("e2e.remember", { value: "two" })).toEqual(["one", "two"]);
  await session.delete();
  const sessions = () => bridge.execute("e2e.sessions") as Promise<string[]>;
  while ((await sessions()).length > 0);
});
