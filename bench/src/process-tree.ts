import { readdirSync, readFileSync } from "node:fs";

/** What `/proc` says of a process, as far as we want to know it. */
export interface ProcessStat {
  readonly pid: number;
  readonly command: readonly string[];
  readonly parent: number;
  /** CPU time in µs: its own, and that of its children which have ended. */
  readonly ownUs: number;
  readonly endedChildrenUs: number;
}

const microsecondsPerTick = 10_000; // the kernel shows 1/100 s on every architecture that we run on

/** This process and everything below it; undefined where there is no /proc (macOS). */
export function processTree(): readonly ProcessStat[] | undefined {
  let entries: string[];
  try {
    entries = readdirSync("/proc");
  } catch {
    return undefined;
  }
  const stats = new Map<number, ProcessStat>();
  for (const entry of entries) {
    const stat = statOf(Number(entry));
    if (stat !== undefined) stats.set(stat.pid, stat);
  }
  return [...stats.values()].filter(({ pid }) => descendsFrom(process.pid, pid, stats));
}

function statOf(pid: number): ProcessStat | undefined {
  if (!Number.isInteger(pid)) return undefined;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // From the state on; the name before it may hold spaces and brackets.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = (field: number) => Number(fields[field]) * microsecondsPerTick;
    return {
      pid,
      command: readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0"),
      parent: Number(fields[1]),
      ownUs: ticks(11) + ticks(12),
      endedChildrenUs: ticks(13) + ticks(14),
    };
  } catch {
    return undefined; // it has just ended
  }
}

function descendsFrom(root: number, pid: number, stats: ReadonlyMap<number, ProcessStat>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = stats.get(at)?.parent) {
    if (at === root) return true;
  }
  return false;
}
