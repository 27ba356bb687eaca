import { existsSync, readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { startOwner, untilGone } from "../fixtures/processes.ts";

async function owner(...args: readonly string[]) {
  const started = await startOwner("owner.mjs", ...args);
  onTestFinished(() => {
    started.process.kill("SIGKILL");
  });
  const { pids, janitor } = started.report;
  // Four workers and three grandchildren.
  expect(pids).toHaveLength(7);
  expect(pids.every(Number.isInteger)).toBe(true);
  if (janitor === undefined) throw new Error("no janitor was started");
  return { process: started.process, everything: [...pids, janitor], janitor };
}

describe.skipIf(!existsSync("/proc/self/environ"))("a host that is gone leaves nothing", () => {
  // About 0.2 s each time; the promise is 1 s, and nothing here waits longer than 10.
  const rounds = Array.from({ length: 20 }, (_, index) => index + 1);
  test.for(rounds)("idle, busy, streaming, grandchildren, killed host, round %i", async () => {
    const host = await owner();
    host.process.kill("SIGKILL");
    await untilGone(host.everything);
  });

  test("when it is killed and its workers belong to a second thread", async () => {
    const host = await owner("thread");
    host.process.kill("SIGKILL");
    await untilGone(host.everything);
  });

  test("when only the thread ends that the workers belong to", async () => {
    const host = await owner("ending-thread");
    await untilGone(host.everything);
    expect(host.process.exitCode).toBeNull();
  });

  test("when somebody asks the janitor to end first, which it refuses", async () => {
    const host = await owner();
    process.kill(host.janitor, "SIGTERM");
    process.kill(host.janitor, "SIGHUP");
    host.process.kill("SIGKILL");
    await untilGone(host.everything);
  });

  test("and the janitor carries no mark of any host, nor the host's secrets", async () => {
    const host = await owner();
    const environment = readFileSync(`/proc/${host.janitor}/environ`, "utf8");
    expect(environment.split("\0").filter((entry) => entry !== "")).toEqual([
      expect.stringMatching(/^PATH=/),
      // The shell of some systems adds these by itself.
      ...environment.split("\0").filter((entry) => /^(PWD|OLDPWD|SHLVL|_)=/.test(entry)),
    ]);
    host.process.kill("SIGKILL");
    await untilGone(host.everything);
  });
});
