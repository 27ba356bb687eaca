import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { fixture } from "./fixtures/processes.ts";
import { hold, holding } from "./hold.ts";

describe("hold", () => {
  test("counts who is waiting, also when what they wait for fails", async () => {
    const failing = holding(Promise.reject(new Error("no")));
    const waiting = holding(Promise.resolve("yes"));
    expect(hold.count).toBe(2);
    expect(await waiting).toBe("yes");
    await expect(failing).rejects.toThrow("no");
    expect(hold.count).toBe(0);
  });

  test("names the fault of letting go twice", () => {
    hold.acquire();
    hold.release();
    expect(() => hold.release()).toThrow("without hold.acquire()");
  });

  test("a program that awaits a call answers it, and then ends by itself", () => {
    const run = spawnSync(process.execPath, [fixture("ends-by-itself.mjs")], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(run).toMatchObject({ stdout: "3\n", stderr: "", status: 0 });
  });
});
