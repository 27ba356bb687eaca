import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { psTable, type RunProgram } from "./ps-table.ts";

/** Answers as the programs of macOS do. */
function answering(answer: string | Error): RunProgram {
  return async () => {
    if (answer instanceof Error) throw answer;
    return answer;
  };
}

test("a process is known by its start, which `ps` prints", async () => {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const started = await psTable().startedAt(child.pid ?? 0);
  expect(started).toMatch(/^[A-Z][a-z]{2} [A-Z][a-z]{2} \d+ \d\d:\d\d:\d\d \d{4}$/);
  expect(await psTable().startedAt(child.pid ?? 0)).toBe(started);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await psTable().startedAt(child.pid ?? 0)).toBeUndefined();
});

test("a zombie has ended", async () => {
  const table = psTable(answering("Z+  1 501 Tue Mar  3 12:00:00 2026\n"));
  expect(await table.startedAt(501)).toBeUndefined();
});

test("the start of the machine has a name of its own", async () => {
  const uuid = "8D5B0F0A-2A5C-4E0F-9B76-1C0B6C1D2E3F";
  const machine = await psTable(answering(`${uuid}\n`)).machine();
  expect(machine).toEqual({ bootId: uuid, pidNamespace: "" });
  await expect(psTable(answering("\n")).machine()).rejects.toThrow("kern.bootsessionuuid");
});

test.for([
  ["another start", "S 1 {pid} Tue Mar  3 12:00:01 2026"],
  ["a living parent", "S 400 {pid} Tue Mar  3 12:00:00 2026"],
  ["the group of another", "S 1 400 Tue Mar  3 12:00:00 2026"],
  ["nothing to say of itself", ""],
])("a process with %s is left alone", async ([, row = ""]) => {
  const { pid, hasEnded } = sleeper();
  const table = psTable(answering(row.replace("{pid}", String(pid))));
  const target = { pid, startedAt: "Tue Mar 3 12:00:00 2026", runId: "r1" };
  expect(await table.end(target)).toBe(false);
  expect(hasEnded()).toBe(false);
});

test("an orphan that leads its own group and has the right start is ended", async () => {
  const { pid, ended } = sleeper();
  const table = psTable(answering(`Ss 1 ${pid} Tue Mar  3 12:00:00 2026\n`));
  const target = { pid, startedAt: "Tue Mar 3 12:00:00 2026", runId: "r1" };
  expect(await table.end(target)).toBe(true);
  expect(await ended).toEqual([null, "SIGKILL"]);
});

function sleeper() {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return { pid: child.pid ?? 0, ended: once(child, "exit"), hasEnded };
}
