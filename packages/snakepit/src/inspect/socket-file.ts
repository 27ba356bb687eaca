import { createHash } from "node:crypto";
import type { Machine } from "../local/process-table.ts";

/** Whose a socket is, as its name tells: it can be asked of a dead one too. */
export interface SocketOwner {
  readonly pid: number;
  /** Which machine, which start of it, and which container. */
  readonly machine: string;
  /** When the process began: a number that was given out twice is told by it. */
  readonly start: string;
  /** Of the thread in it, or of the installed copy of this package. */
  readonly run: string;
}

const pattern = /^(\d{1,10})-([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})\.sock$/;

/** As `ProcessTable` tells the machine and the start. */
export function socketOwner(
  { bootId, pidNamespace }: Machine,
  process: { readonly pid: number; readonly startedAt: string; readonly runId: string },
): SocketOwner {
  return {
    pid: process.pid,
    machine: digest(`${bootId} ${pidNamespace}`),
    start: digest(process.startedAt),
    run: digest(process.runId),
  };
}

/** Short, because the path of a socket has a hundred bytes at most. */
export function socketName({ pid, machine, start, run }: SocketOwner): string {
  return `${pid}-${machine}-${start}-${run}.sock`;
}

/** undefined when it is the name of something else. */
export function parseSocketName(name: string): SocketOwner | undefined {
  const [, pid, machine, start, run] = pattern.exec(name) ?? [];
  if (machine === undefined || start === undefined || run === undefined) return undefined;
  return { pid: Number(pid), machine, start, run };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
