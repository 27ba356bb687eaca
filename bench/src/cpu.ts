import { readdirSync, readFileSync } from "node:fs";

/**
 * CPU time used so far, in µs: this process, which also makes the load, and everything below it.
 * Undefined where there is no /proc. Resolution for the children: 10 ms.
 */
export function cpuTimeUs(): number | undefined {
  const { user, system } = process.cpuUsage();
  const children = childrenTimeUs(process.pid);
  return children === undefined ? undefined : user + system + children;
}

const microsecondsPerTick = 10_000; // the kernel shows 1/100 s on every architecture that we run on

function childrenTimeUs(root: number): number | undefined {
  let entries: string[];
  try {
    entries = readdirSync("/proc");
  } catch {
    return undefined; // macOS: the column stays empty
  }
  const parents = new Map<number, number>();
  const ticks = new Map<number, number>();
  for (const entry of entries) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const fields = statOf(pid);
    if (fields === undefined) continue;
    parents.set(pid, Number(fields[1]));
    ticks.set(pid, Number(fields[11]) + Number(fields[12]));
  }
  let sum = 0;
  for (const [pid, used] of ticks) {
    if (pid !== root && descendsFrom(root, pid, parents)) sum += used;
  }
  return sum * microsecondsPerTick;
}

/** From the state on; the name before it may hold spaces and brackets. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined; // it has just ended
  }
}

function descendsFrom(root: number, pid: number, parents: ReadonlyMap<number, number>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
    if (at === root) return true;
  }
  return false;
}
