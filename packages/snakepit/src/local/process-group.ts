import { setTimeout as delay } from "node:timers/promises";
import { isDead, procPids, readProcStat } from "./proc-stat.ts";

/** How long the members of a killed group may take to vanish. Normally it is a millisecond. */
const GONE_MS = 200;

/** A worker and everything that has stayed in the group it leads. */
export function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // Nobody is left (ESRCH), or the rest runs as another user and is not ours to end (EPERM).
  }
}

/**
 * Waits until nobody is left of a killed group. Bounded, because a process that hangs inside the
 * kernel cannot be waited for, and there is nothing more that could be done about it.
 */
export async function groupGone(leader: number): Promise<void> {
  const limitMs = performance.now() + GONE_MS;
  while (isKnown(leader) && performance.now() < limitMs) {
    await delay(2, undefined, { ref: false });
    if (isKnown(leader) && !(await hasLivingMember(leader))) return;
  }
}

/** Zombies count here, and in a container whose first process collects nobody they stay for ever. */
function isKnown(leader: number): boolean {
  try {
    return process.kill(-leader, 0); // only asks
  } catch {
    return false;
  }
}

/** Read from /proc, bit by bit so that the host goes on working. Without /proc nobody can tell. */
async function hasLivingMember(leader: number): Promise<boolean> {
  const pids = await procPids();
  if (pids === undefined) return true;
  for (const pid of pids) {
    const stat = await readProcStat(pid);
    if (stat !== undefined && stat.group === leader && !isDead(stat)) return true;
  }
  return false;
}
