import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { isRunning, untilGone } from "../fixtures/processes.ts";
import { procTable } from "./proc-table.ts";

/** No other test, and no other run of this one, has it. */
const unique = randomUUID();

describe.skipIf(!existsSync("/proc/self/environ"))("a process", () => {
  async function marked(runId: string): Promise<number> {
    const child = spawn("sleep", ["1000"], { stdio: "ignore", env: { SNAKEPIT_RUN: runId } });
    await once(child, "spawn");
    onTestFinished(() => {
      child.kill("SIGKILL");
    });
    return child.pid ?? 0;
  }

  test("is ended only when both its start and its mark are those that were meant", async () => {
    const pid = await marked(unique);
    const [found] = await procTable.carriers(new Set([unique, "r2"]));
    if (found === undefined) throw new Error("the marked process was not found");
    expect(found).toEqual({ pid, startedAt: await procTable.startedAt(pid), runId: unique });
    expect(await procTable.end({ ...found, startedAt: `${Number(found.startedAt) + 1}` })).toBe(
      false,
    );
    expect(await procTable.end({ ...found, runId: "r2" })).toBe(false);
    expect(isRunning(pid)).toBe(true);
    expect(await procTable.end(found)).toBe(true);
    await untilGone([pid]);
    expect(await procTable.end(found)).toBe(false);
  });

  test("carries a run only when it has the whole of its name", async () => {
    await marked(`${unique}-and-more`);
    expect(await procTable.carriers(new Set([unique]))).toEqual([]);
  });

  test("that has ended began at no time", async () => {
    const child = spawn("true", { stdio: "ignore" });
    await once(child, "exit");
    expect(await procTable.startedAt(child.pid ?? 0)).toBeUndefined();
  });
});
