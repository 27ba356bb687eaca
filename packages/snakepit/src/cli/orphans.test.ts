import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { InspectedPlace } from "../fixtures/inspected.ts";
import { isRunning, untilGone } from "../fixtures/processes.ts";
import { procTable } from "../local/proc-table.ts";
import { runLine } from "../local/run-file.ts";

const runId = "11111111-2222-3333-4444-555555555555";

test("orphans are listed, and ended only when that is asked for", async () => {
  await using place = new InspectedPlace();
  mkdirSync(place.directory, { recursive: true, mode: 0o700 });
  const orphan = spawn("sleep", ["1000"], {
    detached: true,
    stdio: "ignore",
    env: { SNAKEPIT_RUN: runId, PATH: process.env["PATH"] },
  });
  await once(orphan, "spawn");
  // Its host is a number that was given out again: another start.
  const run = { ...(await procTable.machine()), runId, ownerPid: process.pid, ownerStartedAt: "1" };
  const path = join(place.directory, `${runId}.run`);
  writeFileSync(path, runLine(run));
  const listed = await place.command("orphans");
  expect(listed).toMatchObject({ code: 0, stderr: "" });
  expect(listed.stdout).toMatch(new RegExp(`^ *${orphan.pid} +${process.pid}  ${runId}$`, "m"));
  expect(listed.stdout).toMatch(/nothing was ended; --end does that/);
  expect(isRunning(orphan.pid ?? 0)).toBe(true);
  expect(existsSync(path)).toBe(true);

  const { stdout } = await place.command("orphans", "--end", "--json");
  expect(JSON.parse(stdout)).toMatchObject({
    orphans: [{ pid: orphan.pid, ownerPid: process.pid, runId }],
    ended: [orphan.pid],
  });
  await untilGone([orphan.pid ?? 0]);
  expect((await place.command("orphans")).stdout).toBe("no process of a dead host is left\n");
});

test("the workers of a living host are no orphans", async () => {
  await using place = new InspectedPlace();
  const host = await place.host();
  const { stdout } = await place.command("orphans", "--end", "--json");
  expect(JSON.parse(stdout)).toEqual({ orphans: [], ended: [] });
  for (const { pid } of host.workers) expect(isRunning(pid)).toBe(true);
});

test("a folder that is not there, or nobody's alone, is not called free of orphans", async () => {
  await using place = new InspectedPlace();
  const absent = await place.command("orphans", "--directory", "/no/such/folder");
  expect(absent).toMatchObject({ code: 2, stdout: "" });
  expect(absent.stderr).toBe(
    "snakepit: --directory /no/such/folder is no stateDirectory of a launcher: it is not there\n",
  );
  const open = await place.command("orphans", "--directory", "/tmp", "--end");
  expect(open).toMatchObject({ code: 2, stdout: "" });
  expect(open.stderr).toMatch(/stateDirectory of a launcher: it (is open to|belongs to)/);
  mkdirSync(place.directory, { recursive: true, mode: 0o700 });
  const good = await place.command("orphans", "--directory", place.directory);
  expect(good).toMatchObject({ code: 0, stdout: "no process of a dead host is left\n" });
});
