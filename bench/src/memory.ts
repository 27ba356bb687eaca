import { readFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
setFlagsFromString("--no-flush-bytecode"); // code that comes and goes would look like workers' memory
const collectGarbage: () => void = runInNewContext("gc");

/** Two readings that differ by less are the same. */
const STEADY_BYTES = 1_024;
const MOST_READINGS = 20;

/**
 * What this process holds on to, in bytes: the JavaScript heap, and buffers outside of it. Read
 * until it stays the same: what was closed a moment ago lets go of its memory one turn later.
 */
export async function heldBytes(): Promise<number> {
  let last = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < MOST_READINGS; reading++) {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    const held = heapUsed + external;
    if (Math.abs(held - last) < STEADY_BYTES) return held;
    last = held;
    await nextTurn();
  }
  return last;
}

/**
 * The proportional size in bytes: private pages, and a share of those that several processes have,
 * so that the sizes of all add up. Undefined where the kernel does not tell.
 */
export function proportionalBytes(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
    const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(text)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
