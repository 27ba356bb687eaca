import { accessSync, constants, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setupError } from "./setup-error.ts";

const advice = "set XDG_CACHE_HOME to one that can be written";

/**
 * Where environments lie, made or not.
 * @throws SnakepitError WORKER_START_FAILED (`adapter-open`) for a user without a home folder
 */
export function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base?.startsWith("/") ? base : join(home(), ".cache"), "snakepit-bridge");
}

/** @throws SnakepitError WORKER_START_FAILED (`adapter-open`) when it cannot be made, or written */
export function makeCacheFolder(): void {
  const folder = cacheFolder();
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw setupError(
      "adapter-open",
      `the folder ${folder} for the Python environment cannot be made (${(error as NodeJS.ErrnoException).code}); ${advice}`,
      { cause: error },
    );
  }
}

function home(): string {
  try {
    return homedir();
  } catch (cause) {
    // A user number that no account has, as containers are often given, and no HOME.
    throw setupError(
      "adapter-open",
      `there is no home folder for the Python environment; ${advice}`,
      { cause },
    );
  }
}
