import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { nodes, root } from "./installed-project.ts";

const script = join(root, "test-e2e/scripts/falls-off.mjs");

describe.each(nodes)("Node $version", ({ path: node }) => {
  test.each(["main", "thread"])(
    "a script that falls off its end ends by itself and leaves no worker (%s)",
    async (where) => {
      // Rejects when the exit code is not 0, or when the script has to be stopped.
      const run = promisify(execFile)(node, [script, where], { timeout: 25_000 });
      const { stdout, stderr } = await run;
      expect(stderr).toBe("");
      const { sum, answer, pids } = JSON.parse(stdout);
      expect({ sum, answer, workers: pids.length }).toEqual({ sum: 55, answer: 42, workers: 2 });
      await expect.poll(() => pids.filter(isThere), { timeout: 10_000 }).toEqual([]);
    },
  );
});

function isThere(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}
