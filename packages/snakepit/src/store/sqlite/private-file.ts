import { closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { SnakepitError } from "../../errors.ts";

/**
 * Makes the file, with its folder, so that nobody but this user can open it. SQLite gives its
 * companions (`-wal`, `-shm`) the mode of the file itself.
 * @throws SnakepitError INVALID_OPTIONS when others could read it, or put another in its place
 */
export function preparePrivateFile(path: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  checkFolder(folder);
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    checkFile(path);
  }
}

function checkFolder(folder: string): void {
  const { mode } = statSync(folder);
  const isWritableForAll = (mode & 0o002) !== 0;
  const isSticky = (mode & 0o1000) !== 0;
  if (!isWritableForAll || isSticky) return;
  throw refused(`everybody can replace the files of ${folder}; chmod o-w it, or use another`);
}

function checkFile(path: string): void {
  const file = statSync(path);
  const self = process.getuid?.();
  if (!file.isFile()) throw refused(`${path} is not a file`);
  if (self !== 0 && self !== undefined && file.uid !== self) {
    throw refused(`${path} belongs to another user; use a path of your own`);
  }
  if ((file.mode & 0o077) !== 0) {
    const mode = (file.mode & 0o777).toString(8);
    throw refused(`others can open ${path} (mode ${mode}); chmod 600 it, or use another path`);
  }
}

function refused(problem: string): SnakepitError<"INVALID_OPTIONS"> {
  return new SnakepitError("INVALID_OPTIONS", problem);
}
