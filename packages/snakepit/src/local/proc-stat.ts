import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";

/** What Linux says of a process in /proc/PID/stat. */
export interface ProcStat {
  /** R, S, D, T (halted), Z (zombie), X (dead), … */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  /** When it began, in clock ticks since the start of the machine; a text, only ever compared. */
  readonly startTicks: string;
}

/** undefined when there is no such process. */
export async function readProcStat(pid: number): Promise<ProcStat | undefined> {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined; // gone, or never there
  }
}

/** The same at once, for a look directly before a signal. */
export function readProcStatNow(pid: number): ProcStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
}

/** Everything that runs; undefined where there is no /proc. */
export async function procPids(): Promise<number[] | undefined> {
  try {
    const names = await readdir("/proc");
    return names.filter((name) => /^\d+$/.test(name)).map(Number);
  } catch {
    return undefined;
  }
}

/** A zombie is dead; its number is only kept until somebody asks for its exit. */
export function isDead({ state }: ProcStat): boolean {
  return state === "Z" || state === "X";
}

function parseStat(text: string): ProcStat {
  // "4711 (a name (with anything)) S parent group …"; the start time is the 22nd field of all.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = "", parent, group] = fields;
  return { state, parent: Number(parent), group: Number(group), startTicks: fields[19] ?? "" };
}
