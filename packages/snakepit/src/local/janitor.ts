import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";

/**
 * Ends the workers of a host that died, whatever it died of. A shell that waits for the end of its
 * stdin, which only the host holds: the kernel closes it also after SIGKILL. It belongs to no
 * language, takes 0.4 MB, and is started with the first worker.
 *
 * Two ways to find what is left, because each has a hole. The process groups of the workers, which
 * the host names one by one, reach processes that have overwritten their environment. The mark in
 * the environment reaches grandchildren in sessions of their own. (Out of reach: a grandchild that
 * has left the group and cleared its environment.)
 *
 * Workers get 0.1 s to leave by themselves, because the same end of file has told them too. Two
 * looks without a find are needed: a process between fork and exec does not carry the mark yet.
 */
const script = `# snakepit: ends the workers of a host that died
trap '' HUP INT QUIT TERM
groups=' '
folders=''
files=''
while read -r what pid; do
  case $what in
    d) folders="$folders$pid
" ;;
    f) files="$files$pid
" ;;
    +) groups="$groups$pid " ;;
    -) case $groups in *" $pid "*) groups="\${groups%%" $pid "*} \${groups#*" $pid "}" ;; esac ;;
  esac
done
sleep 0.1
for pid in $groups; do kill -s KILL -- "-$pid"; done
printf '%s' "$folders" | while IFS= read -r folder; do
  rm -f -- "$folder"/*
  rmdir -- "$folder"
done
quiet=0
round=0
while [ "$quiet" -lt 2 ] && [ "$round" -lt 100 ]; do
  quiet=$((quiet + 1))
  round=$((round + 1))
  for file in $(grep -lsF "SNAKEPIT_RUN=$1" /proc/[0-9]*/environ); do
    quiet=0
    pid=\${file#/proc/}
    kill -s KILL "\${pid%/environ}"
  done
  sleep 0.02 || sleep 1
done
if [ "$quiet" -ge 2 ]; then
  printf '%s' "$files" | while IFS= read -r file; do rm -f -- "$file"; done
fi`;

/**
 * Marks what belongs to this host: every worker has it as `SNAKEPIT_RUN` in its environment. A
 * `worker_threads` thread has its own, with its own janitor, so its workers end with the thread.
 */
export const runId: string = randomUUID();

export type JanitorStatus =
  /** No worker was started yet. */
  | { readonly state: "idle" }
  /**
   * `run`: everything that the workers started goes with the host. `groups`: only what stayed in
   * the workers' process groups, because this system has no /proc.
   */
  | { readonly state: "running"; readonly pid: number; readonly reach: "run" | "groups" }
  /** Workers must notice their host's death by themselves; grandchildren may stay. */
  | { readonly state: "unavailable"; readonly reason: string };

const shell = "/bin/sh";

let status: JanitorStatus = { state: "idle" };
let lifeline: Socket | undefined;
/** Process ids of the living workers; each leads a group of the same number. */
const groups = new Set<number>();
/** Folders with this host's sockets. */
const folders = new Set<string>();
/** Where this run is written down (`run-registry.ts`). */
const files = new Set<string>();

export function janitorStatus(): JanitorStatus {
  return status;
}

/** Before the first worker, and again whenever somebody has killed the janitor. */
export function startJanitor(): void {
  if (status.state === "running") return;
  if (!existsSync(shell)) {
    status = { state: "unavailable", reason: `there is no ${shell}` };
    return;
  }
  let child: ChildProcess;
  try {
    child = spawn(shell, ["-c", script, "snakepit-janitor", runId], {
      // Its own session: neither Ctrl-C nor a signal to the host's group reaches it.
      detached: true,
      // Not in the host's directory, which may be a disk to unmount or a folder to delete.
      cwd: "/",
      // Never the mark: neither ours nor that of a host above us, whose workers we may be.
      env: { PATH: `${process.env["PATH"] ?? ""}:/usr/bin:/bin` },
      stdio: ["pipe", "ignore", "ignore"],
    });
  } catch (error) {
    status = { state: "unavailable", reason: String(error) };
    return;
  }
  watch(child);
}

/** A worker lives: its process group ends with the host. */
export function guardGroup(pid: number): void {
  groups.add(pid);
  lifeline?.write(`+ ${pid}\n`);
}

/** A worker is gone: its number may soon be somebody else's. */
export function forgetGroup(pid: number): void {
  groups.delete(pid);
  lifeline?.write(`- ${pid}\n`);
}

/**
 * The folder and the files in it go with the host; Node itself tells nobody when a signal ends it.
 * A folder that the host has removed before is no matter.
 */
export function guardFolder(path: string): void {
  folders.add(path);
  lifeline?.write(`d ${path}\n`);
}

/** The file goes when nothing of this run is left, and not before. */
export function guardFile(path: string): void {
  files.add(path);
  lifeline?.write(`f ${path}\n`);
}

function watch(child: ChildProcess): void {
  const gone = (reason: string) => {
    status = { state: "unavailable", reason };
    lifeline = undefined;
  };
  // Both come for a program that could not be started; nothing can be done about either.
  child.once("error", (error) => gone(`${shell} cannot be started: ${error.message}`));
  child.once("exit", () => gone("the janitor was killed; the next worker starts a new one"));
  if (child.pid === undefined) return;
  // A child with a piped stdin has a Socket there; the types say Writable.
  lifeline = child.stdin as Socket;
  // The exit event tells the same.
  lifeline.on("error", () => {});
  lifeline.unref();
  child.unref();
  const reach = existsSync("/proc/self/environ") ? "run" : "groups";
  status = { state: "running", pid: child.pid, reach };
  for (const pid of groups) lifeline.write(`+ ${pid}\n`);
  for (const path of folders) lifeline.write(`d ${path}\n`);
  for (const path of files) lifeline.write(`f ${path}\n`);
}
