import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { expect, test } from "vitest";
import { fixture, untilGone } from "./fixtures/processes.ts";

interface Run {
  readonly child: ChildProcess;
  /** Numbers of its workers. */
  readonly pids: number[];
  readonly lines: AsyncIterator<string>;
}

async function run(what: string): Promise<Run> {
  const child = spawn(process.execPath, [fixture("script.mjs"), what], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]();
  const first = await lines.next();
  return { child, pids: JSON.parse(first.value), lines };
}

async function ended(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null)
    return child.signalCode ?? child.exitCode;
  const [code, signal] = await once(child, "exit");
  return signal ?? code;
}

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("a script ends in good order on %s, and so do its workers", async (signal, code) => {
  const { child, pids, lines } = await run("wait");
  child.kill(signal);
  expect(await ended(child)).toBe(code);
  expect(await lines.next()).toEqual({ done: true, value: undefined });
  await untilGone(pids);
});

test("a script whose reader has seen enough ends quietly", async () => {
  const child = spawn(process.execPath, [fixture("script.mjs"), "flood"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  await once(child.stdout, "data");
  child.stdout.destroy(); // as head does
  expect(await ended(child)).toBe(0);
  const [pids, rest] = stderr.split("\n", 2);
  expect(rest).toBe("");
  await untilGone(JSON.parse(pids ?? ""));
});

test("the error of a script is printed, and its exit code is 1", async () => {
  const child = spawn(process.execPath, [fixture("script.mjs"), "fail"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  expect(await ended(child)).toBe(1);
  expect(stderr).toContain("[UNKNOWN_COMMAND]");
  expect(stderr).toContain("did you mean echo?");
});

test("a pool that closes on a signal lets its calls end first, and the signal ends the program", async () => {
  const { child, pids, lines } = await run("signals");
  child.kill("SIGINT");
  expect(await lines.next()).toEqual({ done: false, value: "TIMEOUT" });
  expect(await ended(child)).toBe("SIGINT");
  await untilGone(pids);
});

test("a second signal does not wait for anybody", async () => {
  const { child, pids } = await run("signals");
  child.kill("SIGTERM");
  child.kill("SIGINT");
  expect(["SIGTERM", "SIGINT"]).toContain(await ended(child));
  await untilGone(pids);
});
