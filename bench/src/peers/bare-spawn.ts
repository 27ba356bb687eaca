import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Contestant, IdleWorkers } from "../contestant.ts";
import { nodeWorkerFile, starter } from "../our-processes.ts";

/** The same Node workers from `child_process.spawn`, all at once, with no pool to look after them. */
export async function openBareSpawn(): Promise<Contestant> {
  return starter("bare-spawn", startBare);
}

async function startBare(workers: number): Promise<IdleWorkers> {
  const children = Array.from({ length: workers }, () =>
    spawn(process.execPath, [nodeWorkerFile], { stdio: ["pipe", "pipe", "pipe"] }),
  );
  // Its first line says that it is ready. One that ends before it fails the row, not the bench.
  await Promise.all(children.map((child) => firstOutput(child)));
  return {
    pids: children.flatMap(({ pid }) => pid ?? []),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(children.map((child) => end(child)));
    },
  };
}

async function firstOutput(child: ChildProcess): Promise<void> {
  const { stdout } = child;
  if (stdout === null) throw new Error("it was spawned with pipes");
  const gone = once(child, "exit").then(() => {
    throw new Error("a worker ended before it was ready");
  });
  gone.catch(() => {}); // later it is no news: we ended it
  await Promise.race([once(stdout, "data"), gone]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL"); // nothing in it is worth a farewell
  await gone;
}
