import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { SnakepitError, type StartFailure } from "../errors.ts";
import type { WorkerSpec } from "../launcher.ts";

/** What the system has against starting a program, in words that say what to do. */
export function startFailed(
  cause: unknown,
  spec: WorkerSpec,
  workerId: string,
  env: Record<string, string>,
): SnakepitError<"WORKER_START_FAILED"> {
  const { reason, text } = explain(cause, spec, env["PATH"]);
  return new SnakepitError("WORKER_START_FAILED", `worker ${workerId}: ${text}`, {
    cause,
    outcome: "not-started",
    details: { reason, stderr: "" },
  });
}

/** What may be over at the next try, and what helps against it. */
const shortages = new Map([
  [
    "EMFILE",
    "this program has no file descriptor left; raise the limit (ulimit -n), lower maxWorkers, or " +
      "close what it no longer reads",
  ],
  [
    "ENFILE",
    "this machine has no file descriptor left; raise fs.file-max, or end what opens so many",
  ],
  [
    "EAGAIN",
    "this user may start no more processes; raise the limit (ulimit -u, or pids.max of the " +
      "container), or lower maxWorkers",
  ],
  ["ENOMEM", "there is not enough memory for another process; lower maxWorkers"],
]);

/** The system says ENOENT for four different things. */
function explain(
  cause: unknown,
  { program, cwd }: WorkerSpec,
  path: string | undefined,
): { reason: StartFailure; text: string } {
  const code = (cause as { code?: unknown } | null)?.code;
  if (code === "ENOENT" && cwd !== undefined && !existsSync(cwd)) {
    return { reason: "not-found", text: `its working directory ${cwd} does not exist` };
  }
  if (code === "ENOENT" && !program.includes("/")) {
    const searched = path === undefined ? "there is no PATH" : `PATH is ${path}`;
    return {
      reason: "not-found",
      text: `no program "${program}" was found (${searched}); install it or give its full path`,
    };
  }
  if (code === "ENOENT" && existsSync(resolve(cwd ?? "", program))) {
    return {
      reason: "not-found",
      text: `${program} exists, but not the interpreter that its first line names`,
    };
  }
  if (code === "ENOENT") {
    return { reason: "not-found", text: `there is no program ${program}` };
  }
  if (code === "EACCES") {
    return {
      reason: "not-found",
      text: `${program} is there, but may not be executed; try chmod +x`,
    };
  }
  const shortage = shortages.get(String(code));
  if (shortage !== undefined) {
    return { reason: "exited", text: `${program} could not be started: ${shortage} (${code})` };
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return { reason: "exited", text: `${program} could not be started: ${message}` };
}
