import { createHash } from "node:crypto";

/**
 * The seed of a pool's n-th worker: unlike that of its neighbours, and of any other `seed`, and of
 * 32 bits, because NumPy's global generator takes no more. Documented with `python.seed`.
 */
export function workerSeed(seed: number, number: number): number {
  return createHash("sha256").update(`${seed}/${number}`).digest().readUInt32BE(0);
}
