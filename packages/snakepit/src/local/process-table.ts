import { existsSync } from "node:fs";
import { procTable } from "./proc-table.ts";
import { psTable } from "./ps-table.ts";

/** Which processes a number may mean: those of one start of a machine, in one container. */
export interface Machine {
  readonly bootId: string;
  /** Processes of another namespace cannot be seen from here, whatever their numbers. */
  readonly pidNamespace: string;
}

/** One process, told from any later one with the same number. */
export interface KnownProcess {
  readonly pid: number;
  /** As `startedAt` gave it. */
  readonly startedAt: string;
  /** The run that it was started for. */
  readonly runId: string;
}

/** What this system tells of processes that are not our children. */
export interface ProcessTable {
  /** @throws when the system does not say */
  machine(): Promise<Machine>;
  /** When it began, as a text to compare; undefined when no such process lives. */
  startedAt(pid: number): Promise<string | undefined> | string | undefined;
  /**
   * Every process whose environment names one of the runs; none where environments cannot be read.
   */
  carriers(runIds: ReadonlySet<string>): Promise<readonly KnownProcess[]>;
  /**
   * SIGKILL, if it is certain that this process is still the one that was meant, which is looked at
   * directly before. False when it was left alone.
   */
  end(target: KnownProcess): Promise<boolean>;
}

/** The one for this machine: /proc, or `ps` where there is none, as on macOS. */
export function systemTable(): ProcessTable {
  return existsSync("/proc/self/environ") ? procTable : psTable();
}
