import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
setFlagsFromString("--no-flush-bytecode"); // code that comes and goes would look like workers' memory
const collectGarbage: () => void = runInNewContext("gc");

/** What this process holds on to, in bytes: the JavaScript heap, and buffers outside of it. */
export function heldBytes(): number {
  collectGarbage();
  collectGarbage(); // what finalizers of the first let go of
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
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
