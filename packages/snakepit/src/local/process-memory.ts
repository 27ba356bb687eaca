import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { open, readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { MemoryKind } from "../launcher.ts";
import { procPids, readProcStat } from "./proc-stat.ts";

/** What one process takes, and which it has started; from /proc or from `ps`. */
export interface MemorySource {
  /** undefined when it is gone, or not ours to read. */
  bytes(pid: number): Promise<number | undefined>;
  children(pid: number): Promise<readonly number[]>;
}

/**
 * Bytes of a process and all its descendants, whatever session or group they are in; undefined when
 * the process is gone, or cannot be asked now. What a descendant has left to the first process (a daemon) is not counted.
 *
 * `resident` costs about 40 µs for each process and counts shared pages in each of them;
 * `proportional` costs about 1 ms and shares them out. Without /proc (macOS) both are resident.
 */
export async function processTreeMemory(
  pid: number,
  kind: MemoryKind,
  source?: MemorySource,
): Promise<number | undefined> {
  try {
    const from = source ?? (await systemSource(kind));
    const own = await from.bytes(pid);
    return own === undefined ? undefined : own + (await bytesBelow(pid, from));
  } catch {
    return undefined; // no descriptor or process is left to ask with
  }
}

async function bytesBelow(pid: number, source: MemorySource): Promise<number> {
  const children = await source.children(pid);
  const parts = await Promise.all(
    children.map(async (child) => {
      const [own, below] = await Promise.all([source.bytes(child), bytesBelow(child, source)]);
      return (own ?? 0) + below;
    }),
  );
  return parts.reduce((sum, part) => sum + part, 0);
}

/** A function, because most answers are only true for the moment in which they were read. */
async function systemSource(kind: MemoryKind): Promise<MemorySource> {
  if (!existsSync("/proc/self/statm")) return psSource(await listProcesses());
  const bytes = kind === "resident" ? residentBytes : proportionalBytes;
  // Not every kernel keeps lists of children.
  const hasLists = existsSync(`/proc/self/task/${process.pid}/children`);
  return { bytes, children: hasLists ? listedChildren : await childrenByParent() };
}

async function residentBytes(pid: number): Promise<number | undefined> {
  const statm = await readOrUndefined(`/proc/${pid}/statm`);
  const pages = Number(statm?.split(" ")[1]);
  // A zombie has none, and is as good as gone.
  return pages > 0 ? pages * (await pageBytes()) : undefined;
}

async function proportionalBytes(pid: number): Promise<number | undefined> {
  const rollup = await readOrUndefined(`/proc/${pid}/smaps_rollup`);
  const kibibytes = /^Pss:\s+(\d+) kB$/m.exec(rollup ?? "")?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

async function listedChildren(pid: number): Promise<readonly number[]> {
  let threads: string[];
  try {
    threads = await readdir(`/proc/${pid}/task`);
  } catch {
    return []; // gone
  }
  return (await Promise.all(threads.map((thread) => childrenOfThread(pid, thread)))).flat();
}

/** To the kernel a child belongs to the thread that started it. */
async function childrenOfThread(pid: number, thread: string): Promise<readonly number[]> {
  const list = await readOrUndefined(`/proc/${pid}/task/${thread}/children`);
  const children = (list?.match(/\d+/g) ?? []).map(Number);
  const newest = children.at(-1);
  if (newest !== undefined && (await borrowsMemory(newest, pid, Number(thread)))) children.pop();
  return children;
}

/**
 * Between vfork and exec a child runs in the memory of its parent, and both report all of it.
 * Meanwhile the thread that started it sleeps undisturbed (D), and both have the same addresses.
 */
async function borrowsMemory(child: number, parent: number, thread: number): Promise<boolean> {
  if ((await readProcStat(thread))?.state !== "D") return false;
  const [ours, its] = await Promise.all([firstMapping(parent), firstMapping(child)]);
  return ours !== undefined && ours === its;
}

/** Addresses are random, so that two programs hardly ever have the same. */
async function firstMapping(pid: number): Promise<string | undefined> {
  return (await readOrUndefined(`/proc/${pid}/maps`))?.split("\n", 1)[0];
}

/** The slow way: everything that runs is asked for its parent. */
export async function childrenByParent(): Promise<MemorySource["children"]> {
  const children = new Map<number, number[]>();
  for (const pid of (await procPids()) ?? []) {
    const parent = (await readProcStat(pid))?.parent;
    if (parent !== undefined) addTo(children, parent, pid);
  }
  return async (pid) => children.get(pid) ?? [];
}

let pageSize: number | undefined;

/** Node does not tell it. The first mapping of any program consists of ordinary pages. */
async function pageBytes(): Promise<number> {
  if (pageSize !== undefined) return pageSize;
  const file = await open("/proc/self/smaps");
  try {
    // The whole file would take milliseconds.
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2048));
    const start = buffer.toString("latin1", 0, bytesRead);
    pageSize = Number(/^KernelPageSize:\s+(\d+) kB$/m.exec(start)?.[1] ?? 4) * 1024;
    return pageSize;
  } finally {
    await file.close();
  }
}

export interface ListedProcess {
  readonly pid: number;
  readonly parent: number;
  readonly bytes: number;
}

/** All processes by `ps`, whose words for this are the same on every Unix. */
export async function listProcesses(): Promise<readonly ListedProcess[]> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,rss="]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([pid = 0, parent = 0, kibibytes = 0]) => ({ pid, parent, bytes: kibibytes * 1024 }));
}

export function psSource(list: readonly ListedProcess[]): MemorySource {
  const bytes = new Map<number, number>();
  const children = new Map<number, number[]>();
  for (const row of list) {
    bytes.set(row.pid, row.bytes);
    addTo(children, row.parent, row.pid);
  }
  return {
    bytes: async (pid) => bytes.get(pid) || undefined, // a zombie has none
    children: async (pid) => children.get(pid) ?? [],
  };
}

function addTo(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

async function readOrUndefined(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "latin1");
  } catch {
    return undefined; // gone meanwhile, or another user's
  }
}
