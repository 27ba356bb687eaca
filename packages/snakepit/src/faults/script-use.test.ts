import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { fixture, untilGone } from "../fixtures/processes.ts";

// On the oldest Node, with the published code: test-e2e/src/script-use.test.ts.
test.each(["main", "thread"])(
  "a script that falls off its end ends by itself and leaves no worker (%s)",
  async (where) => {
    const script = spawn(process.execPath, [fixture("falls-off.mjs"), where], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const exited = once(script, "exit");
    const [stdout, stderr] = await Promise.all([text(script.stdout), text(script.stderr)]);
    expect(await exited).toEqual([0, null]);
    expect(stderr).toBe("");
    const { sum, answer, pids } = JSON.parse(stdout);
    expect({ sum, answer, workers: pids.length }).toEqual({ sum: 55, answer: 42, workers: 2 });
    await untilGone(pids);
  },
);
