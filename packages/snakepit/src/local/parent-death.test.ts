import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { isRunning, type Owner, startOwnerIn, untilGone } from "../fixtures/processes.ts";
import { sweepOrphans } from "./orphans.ts";

/** The system's own, asked in another way than the code under test does. */
function hasSetpriv(): boolean {
  try {
    execFileSync("setpriv", ["--pdeathsig", "KILL", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function ownerWithState(...args: readonly string[]) {
  const state = mkdtempSync(join(tmpdir(), "snakepit-test-"));
  const owner = await startOwnerIn({ XDG_STATE_HOME: state }, "owner.mjs", ...args);
  onTestFinished(() => {
    owner.process.kill("SIGKILL");
    for (const pid of owner.report.pids.filter(isRunning)) process.kill(pid, "SIGKILL");
    rmSync(state, { recursive: true });
  });
  return { owner, stateDirectory: join(state, "snakepit") };
}

/** In one breath, so that neither can do anything about the other. */
function killWithJanitor({ process: host, report }: Owner): void {
  execFileSync("sh", ["-c", `kill -9 ${report.janitor} ${host.pid}`]);
}

describe.skipIf(!hasSetpriv())("when the host and the janitor are killed at once", () => {
  test.for(["main", "thread"])(
    "workers that never look at their stdin are gone, and the next start ends the rest (%s)",
    async (where) => {
      const { owner, stateDirectory } = await ownerWithState(where);
      const [idle = 0, busy = 0, streaming = 0, parent = 0, ...grandchildren] = owner.report.pids;
      const [inGroup, inSession, unmarked = 0] = grandchildren;
      // Until then it is still `env`, which carries the mark like everybody.
      await expect.poll(() => commandLine(unmarked)).toMatch(/^sleep\0/);
      const exited = once(owner.process, "exit");
      killWithJanitor(owner);
      await untilGone([idle, busy, streaming, parent]);
      // Nobody sets this signal for what a worker starts.
      expect(grandchildren.filter(isRunning)).toEqual(grandchildren);

      // The signal comes with the end of the thread, a little before that of the whole host.
      await exited;
      const sweep = await sweepOrphans({ stateDirectory });
      expect(sweep.runs).toBe(1);
      expect(sweep.ended.map(({ pid }) => pid).sort()).toEqual([inGroup, inSession].sort());
      await untilGone([inGroup ?? 0, inSession ?? 0]);
      // Out of reach, as nothing ties it to the run any more: docs/processes.md says so.
      expect(isRunning(unmarked)).toBe(true);
      expect(readdirSync(stateDirectory)).toEqual([]);
    },
  );
});

function commandLine(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8");
}
