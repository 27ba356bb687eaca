import { writeSync } from "node:fs";
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
  #run: OpenRun | undefined;

  constructor(directory?: string, table: ProcessTable = systemTable()) {
    this.#candidates = stateDirectories(directory);
    this.#table = table;
  }

  /** Before the first worker. Tried again for the next one when it has failed. */
  async open(): Promise<void> {
    this.#opening ??= this.#create();
    this.#run = await this.#opening;
    if (this.#run === undefined) this.#opening = undefined;
  }

  /**
   * Writes at once and waits for nothing: Node drops what a new child says, and the news that it
   * has closed a pipe, while nobody listens yet. (Only `ps` takes longer to tell the start.)
   */
  add(pid: number): void {
    const startedAt = this.#table.startedAt(pid);
    if (startedAt instanceof Promise) void startedAt.then((start) => this.#write(pid, start));
    else this.#write(pid, startedAt);
  }

  #write(pid: number, startedAt: string | undefined): void {
    const run = this.#run;
    if (run === undefined || startedAt === undefined) return; // nowhere to write, or dead already
    try {
      writeWhole(run.file, workerLine({ pid, startedAt }));
      status = { directory: run.directory };
    } catch (error) {
      status = { unavailable: `${run.directory}: ${reasonOf(error)}` };
    }
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
    writeWhole(file, runLine(run));
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

/**
 * Not flushed to the disk: what was written survives the death of any process, and after the end of
 * the whole machine no worker is left to be found.
 */
function writeWhole(file: FileHandle, line: string): void {
  if (writeSync(file.fd, line) < Buffer.byteLength(line)) throw new Error("the disk is full");
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
