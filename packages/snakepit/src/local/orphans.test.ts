import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { isRunning, startOwnerIn, untilGone } from "../fixtures/processes.ts";
import { localLauncher } from "./local-launcher.ts";
import { type OrphanSweep, sweepDirectory, sweepOrphans } from "./orphans.ts";
import { procTable } from "./proc-table.ts";
import type { ProcessTable } from "./process-table.ts";
import { type Run, runLine, workerLine } from "./run-file.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "snakepit-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const sweep = () => sweepOrphans({ stateDirectory: directory });

/** A process as a dead host leaves it behind. */
async function orphan(env: Record<string, string>): Promise<ChildProcess & { pid: number }> {
  const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore", env });
  await once(child, "spawn");
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child as ChildProcess & { pid: number };
}

/** The number of a process that existed and does not any more. */
async function deadPid(): Promise<number> {
  const child = spawn("true", { stdio: "ignore" });
  await once(child, "exit");
  return child.pid ?? 0;
}

async function writeRun(changes: Partial<Run> = {}, ...lines: readonly string[]): Promise<Run> {
  const run: Run = {
    ...(await procTable.machine()),
    runId: randomUUID(),
    ownerPid: await deadPid(),
    ownerStartedAt: "1",
    ...changes,
  };
  writeFileSync(join(directory, `${run.runId}.run`), runLine(run) + lines.join(""));
  return run;
}

async function writeWorker({ runId }: Run, pid: number, startedAt?: string): Promise<void> {
  const start = startedAt ?? (await procTable.startedAt(pid)) ?? "";
  appendFileSync(join(directory, `${runId}.run`), workerLine({ pid, startedAt: start }));
}

describe.skipIf(!existsSync("/proc/self/environ"))("a sweep", () => {
  test("ends a dead host's workers and what they have started, and forgets the run", async () => {
    const run = await writeRun();
    const worker = await orphan({ SNAKEPIT_RUN: run.runId });
    const grandchild = await orphan({ SNAKEPIT_RUN: run.runId, OTHER: "1" });
    await writeWorker(run, worker.pid);
    const result = await sweep();
    expect(result.runs).toBe(1);
    expect(new Set(result.ended)).toEqual(
      new Set([worker, grandchild].map(({ pid }) => ({ pid, runId: run.runId }))),
    );
    await untilGone([worker.pid, grandchild.pid]);
    expect(readdirSync(directory)).toEqual([]);
    expect(await sweep()).toEqual({ ended: [], runs: 0 });
  });

  test("spares the worker of a living host in the same directory", async () => {
    const ownerStartedAt = (await procTable.startedAt(process.pid)) ?? "";
    const run = await writeRun({ ownerPid: process.pid, ownerStartedAt });
    const worker = await orphan({ SNAKEPIT_RUN: run.runId });
    await writeWorker(run, worker.pid);
    expect(await sweep()).toEqual({ ended: [], runs: 0 });
    expect(isRunning(worker.pid)).toBe(true);
    expect(readdirSync(directory)).toHaveLength(1);
  });

  test("takes a host for dead whose number somebody else has got", async () => {
    const run = await writeRun({ ownerPid: process.pid, ownerStartedAt: "1" });
    const worker = await orphan({ SNAKEPIT_RUN: run.runId });
    expect((await sweep()).ended).toEqual([{ pid: worker.pid, runId: run.runId }]);
  });

  test("spares a process that has got the number of a worker", async () => {
    const run = await writeRun();
    const later = await orphan({ SNAKEPIT_RUN: "another" });
    const unmarked = await orphan({});
    const start = Number(await procTable.startedAt(later.pid));
    await writeWorker(run, later.pid, String(start - 1));
    await writeWorker(run, later.pid); // even the same start would not do
    await writeWorker(run, unmarked.pid);
    expect(await sweep()).toEqual({ ended: [], runs: 1 });
    expect([later.pid, unmarked.pid].filter(isRunning)).toHaveLength(2);
  });

  test("spares a process on which the kernel was made to use a number again", async (context) => {
    const run = await writeRun();
    const pid = await deadPid();
    await writeWorker(run, pid, "1");
    const innocent = await forceNumber(pid);
    if (innocent === undefined) return context.skip("needs root, and a number that stays free");
    expect(await sweep()).toEqual({ ended: [], runs: 1 });
    expect(isRunning(innocent)).toBe(true);
  });

  test("does not end the program that sweeps, whoever had started it", async () => {
    const run = await writeRun();
    const script = `import { sweepOrphans } from ${JSON.stringify(new URL("orphans.ts", import.meta.url))};
      console.log(JSON.stringify(await sweepOrphans({ stateDirectory: ${JSON.stringify(directory)} })));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...process.env, SNAKEPIT_RUN: run.runId },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    expect(await once(child, "close")).toEqual([0, null]);
    expect(JSON.parse(output)).toEqual({ ended: [], runs: 1 });
  });

  test("forgets a run of another start of the machine, and leaves another container's", async () => {
    const gone = await writeRun({ bootId: "another" });
    const elsewhere = await writeRun({ pidNamespace: "pid:[1]" });
    const workers = [gone, elsewhere].map(({ runId }) => orphan({ SNAKEPIT_RUN: runId }));
    expect(await sweep()).toEqual({ ended: [], runs: 0 });
    for (const worker of await Promise.all(workers)) expect(isRunning(worker.pid)).toBe(true);
    expect(readdirSync(directory)).toEqual([`${elsewhere.runId}.run`]);
  });

  test("reads past what is torn or no entry at all", async () => {
    writeFileSync(join(directory, "garbage.run"), "\0\xff\n\n{}");
    writeFileSync(join(directory, "new.run"), "");
    writeFileSync(join(directory, "abandoned.run"), '{"format":1,"ru');
    utimesSync(join(directory, "abandoned.run"), 1, 1);
    writeFileSync(join(directory, "notes.txt"), "not ours");
    const run = await writeRun({}, '\n{"pid":1,"startedAt":"0"}\n', '\n{"pid": 12');
    const worker = await orphan({ SNAKEPIT_RUN: run.runId });
    expect((await sweep()).ended).toEqual([{ pid: worker.pid, runId: run.runId }]);
    expect(readdirSync(directory).sort()).toEqual(["garbage.run", "new.run", "notes.txt"]);
  });

  test("believes no folder that others may write to", async () => {
    const run = await writeRun();
    const worker = await orphan({ SNAKEPIT_RUN: run.runId });
    chmodSync(directory, 0o777);
    expect(await sweep()).toEqual({ ended: [], runs: 0 });
    expect(isRunning(worker.pid)).toBe(true);
  });

  test("of a folder that does not exist finds nothing", async () => {
    expect(await sweepOrphans({ stateDirectory: "/nowhere/at/all" })).toEqual({
      ended: [],
      runs: 0,
    });
  });

  test("of two programs that share a directory spares the living one's", async () => {
    const env = { XDG_STATE_HOME: join(directory, "state") };
    const [dead, living] = await Promise.all([
      startOwnerIn(env, "owner.mjs"),
      startOwnerIn(env, "owner.mjs"),
    ]);
    onTestFinished(() => {
      living.process.kill("SIGKILL");
      for (const pid of dead.report.pids.filter(isRunning)) process.kill(pid, "SIGKILL");
    });
    const stateDirectory = join(directory, "state", "snakepit");
    expect(readdirSync(stateDirectory)).toHaveLength(2);
    process.kill(dead.report.janitor ?? 0, "SIGKILL");
    dead.process.kill("SIGKILL");
    await once(dead.process, "exit");
    expect((await sweepOrphans({ stateDirectory })).runs).toBe(1);
    expect(living.report.pids.filter(isRunning)).toEqual(living.report.pids);
    living.process.kill("SIGKILL");
    await untilGone(living.report.pids);
    await expect.poll(() => readdirSync(stateDirectory)).toEqual([]); // by the janitor's hand
  });

  test("comes with the first start, and tells its launcher", async () => {
    const run = await writeRun();
    const left = await orphan({ SNAKEPIT_RUN: run.runId });
    const heard = await new Promise<OrphanSweep>((onOrphans) => {
      const launcher = localLauncher({ stateDirectory: directory, onOrphans });
      const spec = { program: "true", args: [], env: {}, channel: "dials" } as const;
      void launcher.launch(spec, { workerId: "w1", signal: new AbortController().signal });
    });
    expect(heard).toEqual({ ended: [{ pid: left.pid, runId: run.runId }], runs: 1 });
  });
});

describe("without /proc", () => {
  /** As macOS would answer: starts to the second, and no environments. */
  function table(living: Record<number, string>, ended: number[]): ProcessTable {
    return {
      machine: async () => ({ bootId: "boot", pidNamespace: "" }),
      startedAt: async (pid) => living[pid],
      carriers: async () => [],
      async end({ pid, startedAt }) {
        if (living[pid] !== startedAt) return false;
        ended.push(pid);
        delete living[pid];
        return true;
      },
    };
  }
  const run = { bootId: "boot", pidNamespace: "", ownerStartedAt: "Mon 1" };

  test("a dead host's workers are known by their numbers and starts alone", async () => {
    const lines = [
      workerLine({ pid: 501, startedAt: "Mon 2" }),
      workerLine({ pid: 502, startedAt: "Mon 3" }),
    ];
    const { runId } = await writeRun({ ...run, ownerPid: 500 }, ...lines);
    const ended: number[] = [];
    const result = await sweepDirectory(directory, table({ 501: "Mon 2", 502: "Tue 1" }, ended));
    expect(result).toEqual({ ended: [{ pid: 501, runId }], runs: 1 });
    expect(ended).toEqual([501]);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("a living host's workers are spared", async () => {
    const line = workerLine({ pid: 501, startedAt: "Mon 2" });
    await writeRun({ ...run, ownerPid: 500 }, line);
    const ended: number[] = [];
    const living = { 500: "Mon 1", 501: "Mon 2" };
    expect(await sweepDirectory(directory, table(living, ended))).toEqual({ ended: [], runs: 0 });
    expect(ended).toEqual([]);
  });

  test("a system that does not even say when it was started is left alone", async () => {
    await writeRun({ ...run, ownerPid: 500 });
    const mute = {
      ...table({}, []),
      machine: () => Promise.reject(new Error("no sysctl")),
    };
    expect(await sweepDirectory(directory, mute)).toEqual({ ended: [], runs: 0 });
    expect(readdirSync(directory)).toHaveLength(1);
  });
});

test("a sweep refuses options that it does not know", async () => {
  await expect(sweepOrphans({ stateDirektory: "/x" } as never)).rejects.toThrow(
    'sweepOrphans has no option "stateDirektory"; meant stateDirectory?',
  );
  await expect(sweepOrphans({ stateDirectory: "" })).rejects.toThrow("stateDirectory must be");
});

/** A new process with just this number, where the kernel can be asked for it. */
async function forceNumber(pid: number): Promise<number | undefined> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      writeFileSync("/proc/sys/kernel/ns_last_pid", String(pid - 1));
    } catch {
      return undefined;
    }
    const child = await orphan({ SNAKEPIT_RUN: "another" });
    if (child.pid === pid) return pid;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  return undefined;
}
