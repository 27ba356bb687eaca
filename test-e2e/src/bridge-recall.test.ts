import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { callContext, connectedWorkers } from "./connected-worker.ts";
import { made, temporaryFolder, testBridge } from "./workspace.ts";

for (const transport of ["socket", "grpc"] as const) {
  test(`calls behind one that suddenly takes long come back and are done elsewhere, over ${transport}`, async () => {
    const [busy, idle] = await connectedWorkers(2, { transport, concurrency: 1 });
    if (busy === undefined || idle === undefined) throw new Error("two workers were asked for");
    const gate = `${temporaryFolder()}/gate`;
    const call = (worker: typeof busy, number: number, path = "") =>
      worker.execute("e2e.at_gate", { gate: path, number }, callContext());
    // Short so far, as the host may well believe.
    for (let number = 0; number < 30; number++) expect(await call(busy, number)).toBe(number);

    const long = call(busy, 100, gate);
    const behind = Array.from({ length: 50 }, (_, number) => call(busy, number));
    const settled = Promise.allSettled(behind);
    await made(`${gate}.100`);
    let cameBack = 0;
    void settled.then((all) => {
      cameBack = all.length;
    });
    while (cameBack === 0) {
      busy.recall?.(5);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    for (const [number, end] of (await settled).entries()) {
      expect(end).toMatchObject({
        status: "rejected",
        reason: { code: "WORKER_BUSY", outcome: "not-started" },
      });
      expect(await call(idle, number)).toBe(number);
    }
    await busy.ping(callContext()); // it hears and answers while its call goes on
    writeFileSync(gate, "");
    expect(await long).toBe(100);
    expect(await call(busy, 7)).toBe(7);
  });
}

test("a pool sends elsewhere what stands behind calls that suddenly take long", async () => {
  // With two slots, three long calls take every thread that could go on with the line.
  const python = { concurrency: 2 };
  const bridge = await testBridge({ minWorkers: 2, maxWorkers: 2, python });
  const gate = `${temporaryFolder()}/gate`;
  const call = (number: number, path = "") =>
    bridge.execute("e2e.at_gate", { gate: path, number }) as Promise<number>;
  // Until a worker has called the command short, calls are not packed.
  for (let round = 0; round < 50; round++)
    await Promise.all(Array.from({ length: 8 }, (_, number) => call(number)));

  const long = [100, 101, 102].map((number) => call(number, gate));
  await Promise.all([100, 101, 102].map((number) => made(`${gate}.${number}`)));
  const behind = Array.from({ length: 60 }, (_, number) => call(number));
  expect(await Promise.all(behind)).toEqual(behind.map((_, number) => number));
  writeFileSync(gate, "");
  expect(await Promise.all(long)).toEqual([100, 101, 102]);
});
