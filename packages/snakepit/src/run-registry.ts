import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { guardFile, runId } from "./janitor.ts";
import { type ProcessTable, systemTable } from "./process-table.ts";
import { type Run, runFileSuffix, runLine, workerLine } from "./run-file.ts";
import { makePrivate, stateDirectories } from "./state-directory.ts";

/** Where workers are written down, or why not. */
export type RegistryStatus = { readonly directory: string } | { readonly unavailable: string };

let status: RegistryStatus = { unavailable: "no worker was started yet" };

/** Of the launcher that was used last. */
export function registryStatus(): RegistryStatus {
  return status;
}

/**
 * The workers of this run on disk, for the next host that starts: should this one and its janitor
 * both be killed, it finds there what to end (`orphans.ts`). The file names its owner before the
 * first worker exists. Nothing here ever fails a start: a worker without this guard has others.
 */
export class RunRegistry {
  readonly #candidates: readonly string[];
  readonly #table: ProcessTable;
  #opening: Promise<OpenRun | undefined> | undefined;

  constructor(directory?: string, table: ProcessTable = systemTable()) {
    this.#candidates = stateDirectories(directory);
    this.#table = table;
  }

  /** Before the first worker. Tried again for the next one when it has failed. */
  async open(): Promise<void> {
    await this.#open();
  }

  /** Resolves once the worker is on disk, as far as that is possible. */
  async add(pid: number): Promise<void> {
    const [run, startedAt] = await Promise.all([this.#open(), this.#table.startedAt(pid)]);
    if (run === undefined || startedAt === undefined) return; // nowhere to write, or dead already
    try {
      await writeWhole(run.file, workerLine({ pid, startedAt }));
      status = { directory: run.directory };
    } catch (error) {
      status = { unavailable: `${run.directory}: ${reasonOf(error)}` };
    }
  }

  async #open(): Promise<OpenRun | undefined> {
    this.#opening ??= this.#create();
    const run = await this.#opening;
    if (run === undefined) this.#opening = undefined;
    return run;
  }

  async #create(): Promise<OpenRun | undefined> {
    const reasons: string[] = [];
    for (const directory of this.#candidates) {
      try {
        await makePrivate(directory);
        const file = await sharedRunFile(directory, this.#table);
        status = { directory };
        return { directory, file };
      } catch (error) {
        reasons.push(`${directory}: ${reasonOf(error)}`);
      }
    }
    status = { unavailable: reasons.join("; ") };
    return undefined;
  }
}

interface OpenRun {
  readonly directory: string;
  /** Open for as long as this program runs, so that a worker can be added when descriptors are out. */
  readonly file: FileHandle;
}

/** By path: a run has one file in a directory, whichever launchers write to it. */
const files = new Map<string, Promise<FileHandle>>();

function sharedRunFile(directory: string, table: ProcessTable): Promise<FileHandle> {
  const path = join(directory, runId + runFileSuffix);
  const known = files.get(path);
  if (known !== undefined) return known;
  const creating = createRunFile(path, table);
  files.set(path, creating);
  creating.catch(() => files.delete(path));
  return creating;
}

async function createRunFile(path: string, table: ProcessTable): Promise<FileHandle> {
  const run = await thisRun(table);
  const file = await open(path, "ax", 0o600);
  try {
    await writeWhole(file, runLine(run));
  } catch (error) {
    await Promise.allSettled([unlink(path), file.close()]);
    throw error;
  }
  guardFile(path);
  return file;
}

async function thisRun(table: ProcessTable): Promise<Run> {
  const [machine, ownerStartedAt] = await Promise.all([
    table.machine(),
    table.startedAt(process.pid),
  ]);
  if (ownerStartedAt === undefined) throw new Error("this system does not list its processes");
  return { ...machine, runId, ownerPid: process.pid, ownerStartedAt };
}

async function writeWhole(file: FileHandle, line: string): Promise<void> {
  const { bytesWritten } = await file.write(line);
  if (bytesWritten < Buffer.byteLength(line)) throw new Error("the disk is full");
  await file.datasync();
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
