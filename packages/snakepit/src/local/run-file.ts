import type { KnownProcess, Machine } from "./process-table.ts";

/** A run: one host, or one `worker_threads` thread of it, that has started workers. */
export interface Run extends Machine {
  readonly runId: string;
  readonly ownerPid: number;
  readonly ownerStartedAt: string;
}

export const runFileSuffix = ".run";

/** How the lines below are written; files of another format are left to whoever wrote them. */
const format = 1;

/** The first line of a run's file. */
export function runLine(run: Run): string {
  return `${JSON.stringify({ format, ...run })}\n`;
}

/**
 * A line for each worker. It begins a new line by itself, so that one which was cut off, because
 * the disk was full, does not take its successor along.
 */
export function workerLine({ pid, startedAt }: Omit<KnownProcess, "runId">): string {
  return `\n${JSON.stringify({ pid, startedAt })}\n`;
}

/** What stands in a run's file; lines that are torn or no entry are left out. */
export interface RunFile {
  readonly run: Run;
  readonly workers: readonly KnownProcess[];
}

/** undefined when the first line says nothing. */
export function parseRunFile(text: string): RunFile | undefined {
  const [first = "", ...rest] = text.split("\n");
  const run = parse(first);
  if (!isRun(run)) return undefined;
  const workers = rest
    .map(parse)
    .filter(isWorker)
    .map(({ pid, startedAt }) => ({ pid, startedAt, runId: run.runId }));
  return { run, workers };
}

function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // torn, or empty
  }
}

function isRun(value: object): value is Run {
  const run = value as Partial<Record<keyof Run | "format", unknown>>;
  return (
    run.format === format &&
    isPid(run.ownerPid) &&
    [run.runId, run.ownerStartedAt, run.bootId].every(isName) &&
    typeof run.pidNamespace === "string"
  );
}

function isWorker(value: object): value is Omit<KnownProcess, "runId"> {
  const worker = value as Partial<Record<keyof KnownProcess, unknown>>;
  return isPid(worker.pid) && isName(worker.startedAt);
}

/** Never 0 or below, which would be a whole group, and never the first process of all. */
function isPid(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 1;
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}
