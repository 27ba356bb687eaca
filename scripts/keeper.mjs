/**
 * `node keeper.mjs <program> [arguments]` runs a program that is not ours, such as turbo or pnpm,
 * to its end, and ends it with everything that it has started when whoever started us is gone,
 * SIGKILL included: then file descriptor 3 ends, of which they hold the other side. Both we and
 * the program have a session of our own, so that a signal to our starter's group spares us.
 */
import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";

// What is still there so long after a Ctrl-C has not understood.
const graceMs = 5_000;
// A worker of ours notices within a second that its owner is gone.
const noticeMs = 3_000;

const [program, ...args] = process.argv.slice(2);
const child = spawn(program, args, { detached: true, stdio: "inherit" });

let killed;
let ending = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (!ending) setTimeout(killAll, graceMs).unref();
    ending = true;
    sendTo(-child.pid, signal); // to the group, as a terminal would
  });
}

const lifeline = new Socket({ fd: 3 });
lifeline.on("error", () => undefined); // "close" follows
lifeline.on("close", async () => {
  ending = true;
  await killAll();
  process.exit(1);
});
lifeline.resume();

child.on("error", (error) => {
  console.error(`"${program}" cannot be started: ${error.message}`);
  process.exit(127);
});
child.on("exit", async (status, signal) => {
  // Turbo does not wait for those that its own children started.
  if (ending) await killAll();
  if (signal === null) process.exit(status);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

/**
 * The session at once; those of our descendants that have left it, such as the workers of a test,
 * when they have not noticed by themselves that their owners are gone, and tidied up.
 */
function killAll() {
  killed = killed || findAndKill();
  return killed;
}

async function findAndKill() {
  const away = family(list());
  // As often as something is found: while we look, what we look for may start something. Not for
  // ever, because a process that hangs in the kernel ends when that lets it.
  for (let round = 0, found = session(); found.length > 0 && round < 1_000; round += 1) {
    for (const pid of found) sendTo(pid, "SIGKILL");
    await pause(2);
    found = session();
  }
  const endMs = performance.now() + noticeMs;
  while (living(away).length > 0 && performance.now() < endMs) await pause(50);
  for (const pid of living([...away, ...family(list())])) sendTo(pid, "SIGKILL");
}

/**
 * Turbo and pnpm give each child a group of its own, so no group holds them all; and those whose
 * parent has died are nobody's descendants any more. But all are of the program's session.
 */
function session() {
  return list()
    .filter((candidate) => candidate.session === child.pid)
    .map(({ pid }) => pid);
}

/** Our descendants. */
function family(processes) {
  const found = new Set([process.pid]);
  // A child may stand before its parent in the list, so once is not enough.
  for (let known = 0; known < found.size; ) {
    known = found.size;
    for (const { pid, parent } of processes) if (found.has(parent)) found.add(pid);
  }
  found.delete(process.pid);
  return [...found];
}

function living(pids) {
  const running = new Set(list().map(({ pid }) => pid));
  return pids.filter((pid) => running.has(pid));
}

/** All processes but zombies. */
function list() {
  if (process.platform !== "linux") return listWithPs();
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      const [state, parent, , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z" || state === "X") return [];
      return [{ pid: Number(entry), parent: Number(parent), session: Number(session) }];
    } catch {
      return []; // it ended while we looked
    }
  });
}

/** macOS does not tell sessions, and 0 is nobody's. `ps` would list itself, so it is left out. */
function listWithPs() {
  const { stdout, pid: ps } = spawnSync("ps", ["-A", "-o", "pid=,ppid=,state="], {
    encoding: "utf8",
  });
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([pid, , state]) => Number(pid) !== ps && !state.startsWith("Z"))
    .map(([pid, parent]) => ({ pid: Number(pid), parent: Number(parent), session: 0 }));
}

function sendTo(target, signal) {
  try {
    process.kill(target, signal);
  } catch {
    // It is gone already, which is what we wanted.
  }
}
