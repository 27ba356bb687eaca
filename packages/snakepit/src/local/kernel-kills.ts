import { readFileSync } from "node:fs";

/**
 * How many processes the kernel has killed for want of memory since it started, in this container
 * (cgroup v2) or on the whole machine; undefined where it does not say. Two readings tell whether
 * a SIGKILL that nobody sent may have been one of them. A synchronous read of 30 µs, once per start
 * and once per crash.
 */
export function kernelKills(): number | undefined {
  return (
    counterIn("/sys/fs/cgroup/memory.events", "oom_kill") ?? counterIn("/proc/vmstat", "oom_kill")
  );
}

function counterIn(file: string, name: string): number | undefined {
  try {
    const match = new RegExp(`^${name} (\\d+)$`, "m").exec(readFileSync(file, "utf8"));
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined; // another system, or a container that hides it
  }
}
