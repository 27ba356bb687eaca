import {
  checkIntegers,
  checkKinds,
  checkKnownKeys,
  oneOf,
  text,
  withDefaults,
} from "../../check-options.ts";
import { SnakepitError } from "../../errors.ts";
import { limitDefaults, limitNames, limitProblems } from "../limits.ts";
import type { StoreLimits } from "../store.ts";
import type { TimeSource } from "./file-clock.ts";

export interface SqliteStoreOptions extends Partial<StoreLimits> {
  /** The file, which is made if there is none. Beside it appear `path-wal` and `path-shm`. */
  readonly path: string;
  /**
   * `normal`: what was written survives the end of this process in any way, but the last of it
   * perhaps not a power failure. `full`: that too; each write waits for the disk. Default: `normal`.
   */
  readonly durability?: "normal" | "full";
  /** How long to wait for another process that writes; then STORE_UNAVAILABLE. Default: 2,000. */
  readonly timeoutMs?: number;
  /** How often to look for changes by other processes, while something is watched. Default: 100. */
  readonly pollMs?: number;
  /** For tests. */
  readonly clock?: TimeSource;
}

export type ResolvedSqliteOptions = Required<Omit<SqliteStoreOptions, "clock">> &
  Pick<SqliteStoreOptions, "clock">;

/** @throws SnakepitError INVALID_OPTIONS */
export function resolveSqliteOptions(input: SqliteStoreOptions): ResolvedSqliteOptions {
  const given = input ?? ({} as SqliteStoreOptions);
  const limits = withDefaults(limitDefaults, given);
  const times = withDefaults({ timeoutMs: 2_000, pollMs: 100 }, given);
  const names = ["path", "durability", "clock", ...Object.keys(times), ...limitNames];
  const problems = [
    ...checkKnownKeys("sqliteStore", input, names),
    ...checkKinds(given, { path: text, durability: oneOf("normal", "full") }, ["path"]),
    ...checkIntegers(times, { timeoutMs: 0, pollMs: 1 }),
    ...limitProblems(limits),
    ...pathProblems(given.path),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  const { path, durability = "normal", clock } = given;
  return { path, durability, ...limits, ...times, ...(clock === undefined ? {} : { clock }) };
}

/** Names that SQLite takes for something other than a file. */
function pathProblems(path: unknown): string[] {
  if (typeof path !== "string") return [];
  if (path.includes("\0")) return ["path must not contain NUL"];
  if (path === ":memory:") return ['path ":memory:" is no file; use memoryStore()'];
  if (path.startsWith("file:")) return ["path must be a path, not a file: URL"];
  return [];
}
