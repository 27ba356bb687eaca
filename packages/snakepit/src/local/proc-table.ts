import { readFileSync } from "node:fs";
import { readFile, readlink } from "node:fs/promises";
import { isDead, procPids, readProcStatNow } from "./proc-stat.ts";
import type { KnownProcess, ProcessTable } from "./process-table.ts";

/** Which of the worker's variables names its run. */
const mark = "SNAKEPIT_RUN=";

/** Linux: a process is known by its start, to the clock tick, and by the run in its environment. */
export const procTable: ProcessTable = {
  async machine() {
    const [bootId, pidNamespace] = await Promise.all([
      readFile("/proc/sys/kernel/random/boot_id", "utf8"),
      readlink("/proc/self/ns/pid"),
    ]);
    return { bootId: bootId.trim(), pidNamespace };
  },

  startedAt(pid) {
    // At once, in microseconds: a start writes it down before it goes on.
    const stat = readProcStatNow(pid);
    return stat === undefined || isDead(stat) ? undefined : stat.startTicks;
  },

  async carriers(runIds) {
    const found: KnownProcess[] = [];
    for (const pid of (await procPids()) ?? []) {
      const runId = runOf(await readEnvironment(pid));
      if (runId === undefined || !runIds.has(runId)) continue;
      const startedAt = await procTable.startedAt(pid);
      if (startedAt !== undefined) found.push({ pid, startedAt, runId });
    }
    return found;
  },

  async end({ pid, startedAt, runId }) {
    // All at once from here: the less time passes, the less a number can change its owner.
    try {
      if (runOf(readFileSync(`/proc/${pid}/environ`, "latin1")) !== runId) return false;
      if (readProcStatNow(pid)?.startTicks !== startedAt) return false;
      return process.kill(pid, "SIGKILL");
    } catch {
      return false; // gone by itself
    }
  },
};

async function readEnvironment(pid: number): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/environ`, "latin1");
  } catch {
    return ""; // gone, or another user's
  }
}

function runOf(environment: string): string | undefined {
  if (!environment.includes(mark)) return undefined;
  const entry = environment.split("\0").find((variable) => variable.startsWith(mark));
  return entry?.slice(mark.length);
}
