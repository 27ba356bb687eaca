import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { localLauncher } from "./local-launcher.ts";
import {
  childrenByParent,
  type ListedProcess,
  listProcesses,
  processTreeMemory,
  psSource,
} from "./process-memory.ts";

const MiB = 1024 * 1024;
const allocate = `globalThis.kept = Buffer.alloc(64 * ${MiB}, 1); console.log("ready"); setInterval(() => {}, 1000)`;
const node = `"${process.execPath}" -e '${allocate}'`;

/** A shell of hardly any memory, and two programs of 64 MiB: one in its group, one in no group of it. */
async function family() {
  const script = `${node} & (setsid ${node} & wait) & wait`;
  const child = spawn("sh", ["-c", script], {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const pid = child.pid ?? 0;
  let said = "";
  child.stdout.on("data", (chunk) => {
    said += chunk;
  });
  onTestFinished(async () => {
    for (const one of membersOf(pid, await listProcesses())) tryKill(one);
  });
  await expect.poll(() => said, { timeout: 20_000 }).toBe("ready\nready\n");
  return pid;
}

function membersOf(pid: number, all: readonly ListedProcess[]): number[] {
  const children = all.filter(({ parent }) => parent === pid);
  return [pid, ...children.flatMap((child) => membersOf(child.pid, all))];
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // gone already
  }
}

describe.skipIf(!existsSync("/proc/self/statm"))("the memory of a worker", () => {
  test("is that of the whole family, in sessions of their own too", async () => {
    const pid = await family();
    const resident = (await processTreeMemory(pid, "resident")) ?? 0;
    const proportional = (await processTreeMemory(pid, "proportional")) ?? 0;
    expect(resident).toBeGreaterThan(128 * MiB);
    expect(resident).toBeLessThan(512 * MiB);
    expect(proportional).toBeGreaterThan(128 * MiB);
    // Both run the same program, whose pages exist once.
    expect(proportional).toBeLessThan(resident);

    // The other ways of asking: a kernel without lists of children, and `ps`.
    const slowly = { bytes: async () => 1, children: await childrenByParent() };
    const members = (await processTreeMemory(pid, "resident", slowly)) ?? 0;
    expect(members).toBeGreaterThanOrEqual(3);
    const byPs = await processTreeMemory(pid, "resident", psSource(await listProcesses()));
    expect(Math.abs((byPs ?? 0) - resident)).toBeLessThan(resident / 4);
  });

  test("is its own when it has started nobody", async () => {
    // Not this process: what other tests have started may still be ending below it.
    const script = "console.log(process.memoryUsage.rss()); setInterval(() => {}, 1000)";
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
    onTestFinished(() => {
      child.kill("SIGKILL");
    });
    const [said] = await once(child.stdout, "data");
    const own = await processTreeMemory(child.pid ?? 0, "resident");
    expect(own).toBeGreaterThan(10 * MiB);
    expect(Math.abs((own ?? 0) - Number(said))).toBeLessThan(20 * MiB);
  });

  test("is nobody's when it has ended, zombies included", async () => {
    const child = spawn("sh", ["-c", "true & exec sleep 1000"], { stdio: "ignore" });
    onTestFinished(() => {
      child.kill("SIGKILL");
    });
    const pid = child.pid ?? 0;
    expect(await processTreeMemory(pid, "resident")).toBeGreaterThan(0);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await processTreeMemory(pid, "resident")).toBeUndefined();
    expect(await processTreeMemory(pid, "proportional")).toBeUndefined();
  });

  test("is told by its process, until that has ended", async () => {
    const spec = {
      program: "sh",
      args: ["-c", `${node} & wait`],
      env: {},
      channel: "dials",
    } as const;
    const signal = new AbortController().signal;
    const worker = await localLauncher().launch(spec, { workerId: "w1", signal });
    onTestFinished(async () => {
      await worker.stop({ graceMs: 0 });
    });
    const memory = async () => (await worker.memoryBytes?.("proportional")) ?? 0;
    await expect.poll(memory, { timeout: 20_000 }).toBeGreaterThan(64 * MiB);
    await worker.stop({ graceMs: 0 });
    expect(await worker.memoryBytes?.("resident")).toBeUndefined();
  });
});

test("what `ps` lists adds up without /proc", async () => {
  const list = [
    { pid: 1, parent: 0, bytes: 1_000 },
    { pid: 10, parent: 1, bytes: 100 },
    { pid: 11, parent: 10, bytes: 10 },
    { pid: 12, parent: 11, bytes: 1 },
    { pid: 13, parent: 10, bytes: 0 }, // a zombie
  ];
  expect(await processTreeMemory(10, "proportional", psSource(list))).toBe(111);
  expect(await processTreeMemory(13, "resident", psSource(list))).toBeUndefined();
  expect(await processTreeMemory(99, "resident", psSource(list))).toBeUndefined();
});
