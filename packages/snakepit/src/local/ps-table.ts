import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { ProcessTable } from "./process-table.ts";

/** Runs a program and gives its stdout; rejects when it fails. */
export type RunProgram = (program: string, args: readonly string[]) => Promise<string>;

const run: RunProgram = async (program, args) => {
  // The start time is printed for people: it must not change its words or its zone meanwhile.
  const env = { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C", TZ: "UTC0" };
  return (await promisify(execFile)(program, [...args], { cwd: "/", env })).stdout;
};

interface Row {
  readonly parent: number;
  readonly group: number;
  readonly startedAt: string;
}

/**
 * Where there is no /proc, as on macOS. Environments cannot be read, and a start is only known to
 * the second; so `end` asks for more: the process must lead its own group, as every worker does,
 * and have been left to the first process. Grandchildren cannot be found.
 */
export function psTable(runProgram: RunProgram = run): ProcessTable {
  async function row(pid: number): Promise<Row | undefined> {
    try {
      const columns = "stat=,ppid=,pgid=,lstart=";
      return parseRow(await runProgram("ps", ["-o", columns, "-p", String(pid)]));
    } catch {
      return undefined; // `ps` fails when there is no such process
    }
  }
  return {
    async machine() {
      const bootId = await runProgram("sysctl", ["-n", "kern.bootsessionuuid"]);
      if (bootId.trim() === "") throw new Error("sysctl does not know kern.bootsessionuuid");
      return { bootId: bootId.trim(), pidNamespace: "" };
    },
    startedAt: async (pid) => (await row(pid))?.startedAt,
    carriers: async () => [],
    async end({ pid, startedAt }) {
      const now = await row(pid);
      const isTheSame = now?.startedAt === startedAt && now.group === pid && now.parent === 1;
      try {
        return isTheSame && process.kill(pid, "SIGKILL");
      } catch {
        return false; // gone by itself
      }
    },
  };
}

/** "Ss 1 4711 Tue Mar  3 12:00:00 2026" */
function parseRow(output: string): Row | undefined {
  const [state = "", parent, group, ...start] = output.trim().split(/\s+/);
  if (state === "" || state.startsWith("Z") || start.length === 0) return undefined;
  return { parent: Number(parent), group: Number(group), startedAt: start.join(" ") };
}
