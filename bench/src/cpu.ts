import { processTree } from "./process-tree.ts";

/** CPU time on both sides, in µs. */
export interface CpuTime {
  /** This process, which also makes the load. */
  readonly hostUs: number;
  /** Everything below it, also what has ended since. Resolution: 10 ms in all. */
  readonly workersUs: number;
}

/** Used so far; undefined where there is no /proc: on macOS the column stays empty. */
export function cpuTime(): CpuTime | undefined {
  const tree = processTree();
  if (tree === undefined) return undefined;
  const { user, system } = process.cpuUsage();
  let workersUs = 0;
  for (const { pid, ownUs, endedChildrenUs } of tree) {
    workersUs += endedChildrenUs + (pid === process.pid ? 0 : ownUs);
  }
  return { hostUs: user + system, workersUs };
}

/** Of one operation. */
export function cpuPerOperation(
  before: CpuTime | undefined,
  after: CpuTime | undefined,
  operations: number,
): CpuTime | undefined {
  if (before === undefined || after === undefined) return undefined;
  return {
    hostUs: (after.hostUs - before.hostUs) / operations,
    workersUs: (after.workersUs - before.workersUs) / operations,
  };
}
