/**
 * A use of a session is written down only when the last one is older than this: to note it costs as
 * much as to write a record. So a session ends between `ttlMs` and a thousandth more, at most a
 * second, after its last use.
 */
export const FRESH_PART = 1_000;
export const MOST_FRESH_MS = 1_000;

export function freshMs(ttlMs: number): number {
  return Math.min(Math.floor(ttlMs / FRESH_PART), MOST_FRESH_MS);
}
