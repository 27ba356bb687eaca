import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { crashCause, wasKilledFromOutside } from "./crash.ts";
import type { WorkerExit } from "./launcher.ts";
import { kernelKills } from "./local/kernel-kills.ts";

const facts = { wanted: false, stderr: "", kernelKilled: false };
const signaled = (signal: string): WorkerExit => ({ kind: "signaled", signal });
const exited = (code: number): WorkerExit => ({ kind: "exited", code });

test.each([
  ["an exit that was asked for", { ...facts, exit: exited(0), wanted: true }, "stopped"],
  ["a kill that was ours", { ...facts, exit: signaled("SIGKILL"), wanted: true }, "stopped"],
  ["an exit code", { ...facts, exit: exited(3) }, "exit-code"],
  ["an exit in good order that nobody asked for", { ...facts, exit: exited(0) }, "exit-code"],
  ["a segfault", { ...facts, exit: signaled("SIGSEGV") }, "signal"],
  ["a segfault below a shell", { ...facts, exit: exited(139) }, "signal"],
  ["somebody's kill -9", { ...facts, exit: signaled("SIGKILL") }, "signal"],
  [
    "the kernel's for want of memory",
    { ...facts, exit: signaled("SIGKILL"), kernelKilled: true },
    "out-of-memory",
  ],
  [
    "the kernel's, below a shell",
    { ...facts, exit: exited(137), kernelKilled: true },
    "out-of-memory",
  ],
  [
    "another's out-of-memory kill while this one segfaulted",
    { ...facts, exit: signaled("SIGSEGV"), kernelKilled: true },
    "signal",
  ],
  [
    "a full JavaScript heap",
    {
      ...facts,
      exit: signaled("SIGABRT"),
      stderr: "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n",
    },
    "out-of-memory",
  ],
  [
    "an interpreter's MemoryError",
    { ...facts, exit: exited(1), stderr: "MemoryError\n" },
    "out-of-memory",
  ],
  [
    "a MemoryError that was survived",
    { ...facts, exit: exited(0), stderr: "MemoryError\n" },
    "exit-code",
  ],
  [
    "a lost machine",
    { ...facts, exit: { kind: "lost", reason: "the node vanished" } as WorkerExit },
    "lost",
  ],
])("%s", (_name, given, cause) => {
  expect(crashCause(given)).toBe(cause);
});

test.runIf(process.platform === "linux")("the kernel tells how often memory was short", () => {
  expect(kernelKills()).toBeGreaterThanOrEqual(0);
});

test("Node's own last words are known", () => {
  const { stderr } = spawnSync(
    process.execPath,
    ["--max-old-space-size=20", "-e", "const a = []; for (;;) a.push(new Array(1e4).fill({}))"],
    { encoding: "utf8" },
  );
  expect(crashCause({ ...facts, exit: signaled("SIGABRT"), stderr })).toBe("out-of-memory");
});

test.each([
  [signaled("SIGKILL"), "signal", true],
  [signaled("SIGTERM"), "signal", true],
  [exited(137), "signal", true],
  [signaled("SIGKILL"), "out-of-memory", false],
  [signaled("SIGSEGV"), "signal", false],
  [exited(0), "exit-code", false],
] as const)("%o, %s: killed from outside is %s", (exit, cause, expected) => {
  expect(wasKilledFromOutside(exit, cause)).toBe(expected);
});
