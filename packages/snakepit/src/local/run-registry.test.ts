import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startOwnerIn, untilGone } from "../fixtures/processes.ts";
import { runId } from "./janitor.ts";
import { localLauncher } from "./local-launcher.ts";
import { procTable } from "./proc-table.ts";
import { processGuards } from "./process-guards.ts";
import { parseRunFile } from "./run-file.ts";
import { RunRegistry } from "./run-registry.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "snakepit-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function launch(stateDirectory: string) {
  const spec = { program: "sleep", args: ["1000"], env: {}, channel: "dials" } as const;
  const signal = new AbortController().signal;
  const worker = await localLauncher({ stateDirectory }).launch(spec, { workerId: "w1", signal });
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
  });
  return worker;
}

describe.skipIf(!existsSync("/proc/self/stat"))("a worker that is ready for use", () => {
  test("stands on disk, beside the owner, readable by nobody else", async () => {
    const first = await launch(directory);
    const second = await launch(directory);
    const path = join(directory, `${runId}.run`);
    expect(readdirSync(directory)).toEqual([`${runId}.run`]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const file = parseRunFile(readFileSync(path, "utf8"));
    expect(file?.run).toMatchObject({
      ...(await procTable.machine()),
      runId,
      ownerPid: process.pid,
      ownerStartedAt: await procTable.startedAt(process.pid),
    });
    expect(file?.workers).toEqual([
      { pid: first.pid, startedAt: await procTable.startedAt(first.pid ?? 0), runId },
      { pid: second.pid, startedAt: await procTable.startedAt(second.pid ?? 0), runId },
    ]);
    expect(processGuards().registry).toEqual({ directory });
  });

  test("has started all the same where nothing can be written", async () => {
    const inFile = join(directory, "file");
    writeFileSync(inFile, "");
    await launch(join(inFile, "state"));
    expect(processGuards().registry).toEqual({
      unavailable: expect.stringContaining(`${join(inFile, "state")}: ENOTDIR`),
    });
    // The obstacle is gone, so the next one is guarded.
    unlinkSync(inFile);
    await launch(join(inFile, "state"));
    expect(processGuards().registry).toEqual({ directory: join(inFile, "state") });
  });

  test("has started all the same when the disk is full", async (context) => {
    const disk = join(directory, "disk");
    if (!mountSmallDisk(disk)) return context.skip("needs root, to mount a disk of its own");
    try {
      const filler = join(disk, "filler");
      fill(filler);
      await launch(disk);
      expect(processGuards().registry).toEqual({ unavailable: expect.stringContaining("ENOSPC") });
      expect(readdirSync(disk)).toEqual(["filler"]);
      unlinkSync(filler);
      await launch(disk);
      expect(processGuards().registry).toEqual({ directory: disk });

      // Full again in the middle of the run, as soon as the file needs another page.
      fill(filler);
      const registry = new RunRegistry(disk);
      await registry.open();
      for (let line = 0; line < 4096 / 20; line++) registry.add(process.pid);
      expect(processGuards().registry).toEqual({ unavailable: expect.stringContaining(disk) });
      unlinkSync(filler);
      const worker = await launch(disk);
      expect(processGuards().registry).toEqual({ directory: disk });
      const file = parseRunFile(readFileSync(join(disk, `${runId}.run`), "utf8"));
      expect(file?.workers.at(-1)?.pid).toBe(worker.pid);
    } finally {
      execFileSync("umount", ["-l", disk]);
    }
  });
});

test("a host that ends as it should leaves no file behind", async () => {
  const owner = await startOwnerIn({ XDG_STATE_HOME: directory }, "owner.mjs");
  const state = join(directory, "snakepit");
  expect(readdirSync(state)).toHaveLength(1);
  owner.process.kill("SIGTERM");
  await untilGone(owner.report.pids);
  await expect.poll(() => readdirSync(state)).toEqual([]);
});

function mountSmallDisk(path: string): boolean {
  mkdirSync(path);
  try {
    const options = ["-t", "tmpfs", "-o", "size=16k,mode=700", "none", path];
    execFileSync("mount", options, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function fill(path: string): void {
  try {
    for (;;) writeFileSync(path, Buffer.alloc(1024), { flag: "a" });
  } catch {
    // That was all.
  }
}
