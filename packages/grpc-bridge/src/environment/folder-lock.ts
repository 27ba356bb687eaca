import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

// A holder touches its lock this often; one that has not for `staleMs` is gone. The age decides
// where its process cannot be asked: in another container, or on another machine of a shared home.
const touchMs = 2_000;
const staleMs = 30_000;
const pollMs = 150;

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly nonce: string;
}

/**
 * Runs `work` while no other process on the same cache does. It spares doing the same work twice;
 * correctness does not rest on it, since the work's result is moved into place in one step.
 * `onWait` is called once when somebody else holds the lock.
 */
export async function withFolderLock<T>(
  file: string,
  work: () => Promise<T>,
  options: { readonly signal?: AbortSignal | undefined; readonly onWait?: () => void } = {},
): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const mine: Holder = { pid: process.pid, host: hostname(), nonce: crypto.randomUUID() };
  for (let waits = 0; !tryAcquire(file, mine); waits += 1) {
    if (waits === 0) options.onWait?.();
    await delay(pollMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
  const touching = setInterval(() => touch(file), touchMs);
  touching.unref();
  try {
    return await work();
  } finally {
    clearInterval(touching);
    if (readHolder(file)?.nonce === mine.nonce) rmSync(file, { force: true });
  }
}

function tryAcquire(file: string, mine: Holder): boolean {
  try {
    writeFileSync(file, JSON.stringify(mine), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  if (isStale(file)) {
    // Moved aside, not removed: of two who see the same stale lock, only one can move it. (A slower
    // third might still move the winner's; then two do the work, and the first to finish is kept.)
    const aside = `${file}.${mine.nonce}`;
    try {
      renameSync(file, aside);
      rmSync(aside, { force: true });
    } catch {
      // The other one was faster; the next look decides anew.
    }
  }
  return false;
}

function isStale(file: string): boolean {
  const age = statSync(file, { throwIfNoEntry: false });
  if (age === undefined) return false;
  if (Date.now() - age.mtimeMs > staleMs) return true;
  const holder = readHolder(file);
  return holder !== undefined && holder.host === hostname() && !isAlive(holder.pid);
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Holder;
  } catch {
    // Gone, or not yet written: its age decides.
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function touch(file: string): void {
  try {
    utimesSync(file, new Date(), new Date());
  } catch {
    // Somebody removed the cache under us; the work itself will say so.
  }
}
