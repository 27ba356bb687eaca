import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { callContext, connectedWorkers } from "./connected-worker.ts";
import { made, temporaryFolder } from "./workspace.ts";

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
