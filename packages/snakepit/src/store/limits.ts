import { checkIntegers } from "../check-options.ts";
import type { StoreLimits } from "./store.ts";

const MiB = 1024 * 1024;

/** Larger values are kept in parts of this size, which are written one at a time. */
export const PART_BYTES = 256 * 1024;
export const MAX_SESSION_DATA_BYTES = 256 * 1024;
/** Of one `write`. */
export const MAX_CHANGES = 1_000;
/** What V8 takes for one string, and Redis for one reply, ends here. */
const MOST_VALUE_BYTES = 512 * MiB - 64;

export const limitDefaults: StoreLimits = {
  maxSessions: 10_000,
  maxRecords: 10_000,
  maxValueBytes: 64 * MiB,
};

export const limitNames = Object.keys(limitDefaults) as readonly (keyof StoreLimits)[];

export function limitProblems(limits: StoreLimits): string[] {
  const countless = { min: 1, orInfinity: true };
  const rules = { maxSessions: countless, maxRecords: countless, maxValueBytes: 1 };
  const problems = checkIntegers(limits, rules);
  if (limits.maxValueBytes > MOST_VALUE_BYTES) {
    problems.push(`maxValueBytes must be at most ${MOST_VALUE_BYTES}, not ${limits.maxValueBytes}`);
  }
  return problems;
}

/** For backends whose integers have no Infinity. */
export function finite(limit: number): number {
  return Math.min(limit, Number.MAX_SAFE_INTEGER);
}
