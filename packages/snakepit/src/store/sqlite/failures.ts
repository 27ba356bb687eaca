import { SnakepitError } from "../../errors.ts";
import { unavailable } from "../refusals.ts";

/** The result codes of SQLite (sqlite.org/rescode.html) that mean something here. */
const codes = { busy: 5, locked: 6, readOnly: 8, corrupt: 11, full: 13, notDatabase: 26 };

interface SqliteError extends Error {
  readonly errcode: number;
}

export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === codes.busy || code === codes.locked;
}

export function isFull(error: unknown): boolean {
  return primaryCode(error) === codes.full;
}

/** What callers get to see; errors that did not come from SQLite or the file system stay as they are. */
export function explained(error: unknown, path: string, waitedMs: number): unknown {
  if (SnakepitError.is(error)) return error;
  const problem = problemOf(error, path, waitedMs);
  return problem === undefined ? error : unavailable("sqlite", problem, { cause: error });
}

function problemOf(error: unknown, path: string, waitedMs: number): string | undefined {
  switch (primaryCode(error)) {
    case undefined:
      return isSystemError(error) ? `cannot use ${path}: ${error.message}` : undefined;
    case codes.busy:
    case codes.locked:
      return `somebody else has kept ${path} locked for ${waitedMs} ms; look for a halted process`;
    case codes.full:
      return `the disk of ${path} is full; nothing was written, and reading goes on`;
    case codes.readOnly:
      return `${path} cannot be written; check the modes of the file and its folder`;
    case codes.corrupt:
    case codes.notDatabase:
      return (
        `${path} is damaged, or no database; move it away together with its -wal and -shm, ` +
        "and start anew or from a backup"
      );
    default:
      return `cannot use ${path}: ${(error as Error).message}`;
  }
}

/** Without the details that SQLite adds in the upper bits. */
function primaryCode(error: unknown): number | undefined {
  const isSqlites = (error as NodeJS.ErrnoException | undefined)?.code === "ERR_SQLITE_ERROR";
  return isSqlites ? (error as SqliteError).errcode & 0xff : undefined;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}
