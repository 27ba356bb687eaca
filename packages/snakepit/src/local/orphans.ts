import { readdir, readFile, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { checkKinds, checkKnownKeys, text } from "../check-options.ts";
import { SnakepitError } from "../errors.ts";
import { holding } from "../hold.ts";
import { delay } from "../timer.ts";
import {
  type KnownProcess,
  type Machine,
  type ProcessTable,
  systemTable,
} from "./process-table.ts";
import { parseRunFile, type RunFile, runFileSuffix } from "./run-file.ts";
import { checkPrivate, stateDirectories } from "./state-directory.ts";

/** A process between fork and exec does not carry the mark of its run yet, so one look is not enough. */
const QUIET_LOOKS = 2;
/** Against a process that multiplies faster than it is found. */
const MOST_LOOKS = 50;
const BETWEEN_LOOKS_MS = 10;
/** An owner that has not written its first line after so long never will. */
const UNFINISHED_MS = 3_600_000;

/** What hosts that died have left behind, and what was done about it. */
export interface OrphanSweep {
  /** Workers, and what they had started, that were still running. */
  readonly ended: readonly { readonly pid: number; readonly runId: string }[];
  /** How many runs had lost their host. */
  readonly runs: number;
}

export interface SweepOptions {
  /** As in `localLauncher`. */
  readonly stateDirectory?: string;
}

/**
 * Ends what is left of hosts that were killed together with their janitors. The first start of a
 * worker does this by itself. A process is only ended when its host is known to be dead, and when
 * directly before the signal it is still the same one: the same start, and the mark of that run in
 * its environment. Never a worker of a living host, or a process that has got an old number.
 * @throws SnakepitError INVALID_OPTIONS
 */
export async function sweepOrphans(options: SweepOptions = {}): Promise<OrphanSweep> {
  const problems = [
    ...checkKnownKeys("sweepOrphans", options, ["stateDirectory"]),
    ...checkKinds(options, { stateDirectory: text }),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  return holding(sweepAll(stateDirectories(options.stateDirectory)));
}

/** A process that a dead host has left behind. */
export interface Orphan extends KnownProcess {
  /** The host that has started it, or what has. */
  readonly ownerPid: number;
}

/** What a sweep would end; nobody is ended. */
export async function findOrphans(
  directories: readonly string[],
  table: ProcessTable = systemTable(),
): Promise<readonly Orphan[]> {
  const found = new Map<string, Orphan>();
  for (const directory of directories) {
    const dead = await deadRuns(directory, table);
    const owners = new Map(dead.map(({ run }) => [run.runId, run.ownerPid]));
    const written = dead.flatMap(({ workers }) => workers);
    const alive = await Promise.all(
      written.map(async (one) => (await table.startedAt(one.pid)) === one.startedAt),
    );
    const carriers = dead.length === 0 ? [] : await table.carriers(new Set(owners.keys()));
    for (const one of [...written.filter((_, index) => alive[index]), ...carriers])
      found.set(`${one.pid} ${one.startedAt}`, { ...one, ownerPid: owners.get(one.runId) ?? 0 });
  }
  return [...found.values()];
}

const swept = new Set<string>();

/** The sweep of the first start: once for each directory, however many launchers use it. */
export async function sweepOnce(stateDirectory: string | undefined): Promise<OrphanSweep> {
  const directories = stateDirectories(stateDirectory).filter((path) => !swept.has(path));
  for (const path of directories) swept.add(path);
  return sweepAll(directories);
}

async function sweepAll(directories: readonly string[]): Promise<OrphanSweep> {
  const sweeps: OrphanSweep[] = [];
  for (const directory of directories) sweeps.push(await sweepDirectory(directory));
  return {
    ended: sweeps.flatMap(({ ended }) => ended),
    runs: sweeps.reduce((sum, { runs }) => sum + runs, 0),
  };
}

/** Never rejects: what cannot be read or removed is left to the next one. */
export async function sweepDirectory(
  directory: string,
  table: ProcessTable = systemTable(),
): Promise<OrphanSweep> {
  const dead = await deadRuns(directory, table);
  const runIds = new Set(dead.map(({ run }) => run.runId));
  const ended = new Map<string, { pid: number; runId: string }>();
  const end = async (targets: readonly KnownProcess[]) => {
    let found = false;
    for (const target of targets) {
      // This program may itself have been started by a worker of a host that died.
      if (target.pid === process.pid || !(await table.end(target))) continue;
      ended.set(`${target.pid} ${target.startedAt}`, { pid: target.pid, runId: target.runId });
      found = true;
    }
    return found;
  };
  await end(dead.flatMap(({ workers }) => workers));
  for (let look = 0, quiet = 0; dead.length > 0 && quiet < QUIET_LOOKS; look++) {
    if (look === MOST_LOOKS) return { ended: [...ended.values()], runs: dead.length };
    if (look > 0) await delay(BETWEEN_LOOKS_MS);
    quiet = (await end(await table.carriers(runIds))) ? 0 : quiet + 1;
  }
  await Promise.all(dead.map(({ path }) => remove(path)));
  return { ended: [...ended.values()], runs: dead.length };
}

type DeadRun = RunFile & { readonly path: string };

async function deadRuns(directory: string, table: ProcessTable): Promise<DeadRun[]> {
  let names: string[];
  let here: Machine;
  try {
    await checkPrivate(directory);
    names = await readdir(directory);
    here = await table.machine();
  } catch {
    return []; // there is no such folder, or it is not ours to believe
  }
  const dead: DeadRun[] = [];
  for (const name of names) {
    if (!name.endsWith(runFileSuffix)) continue;
    const path = join(directory, name);
    const file = await readRunFile(path);
    if (file === undefined) continue;
    if (file.run.bootId !== here.bootId) await remove(path);
    else if (file.run.pidNamespace !== here.pidNamespace) continue;
    else if ((await table.startedAt(file.run.ownerPid)) !== file.run.ownerStartedAt) {
      dead.push({ ...file, path });
    }
  }
  return dead;
}

async function readRunFile(path: string): Promise<RunFile | undefined> {
  try {
    const content = await readFile(path, "utf8");
    // Without a first line its owner is about to write it, or has not been able to.
    if (content.includes("\n")) return parseRunFile(content);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > UNFINISHED_MS) await remove(path);
  } catch {
    // Another host has removed it meanwhile.
  }
  return undefined;
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch {
    // Another host was faster; or it stays, and the next sweep finds nobody alive.
  }
}
