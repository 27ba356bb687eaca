/** `./run`, ended without a chance to tidy up: what it started notices by itself. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, symlinkSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LauncherRoom, root } from "./launcher-room.ts";
import { gone, processesMarked } from "./workspace.ts";

vi.setConfig({ testTimeout: 120_000 }); // for a machine that has other things to do

let room: LauncherRoom;

beforeEach(() => {
  room = new LauncherRoom();
  room.makeInstallable();
  room.copy("scripts", "turbo.json");
  for (const file of ["packages/a", "proto/a", "tools/uv/a", "python/setup.ts"])
    room.write(file, "");
});

afterEach(() => {
  for (const pid of marked()) process.kill(pid, "SIGKILL"); // only a failed test left one
  room.remove();
});

/** Everything that was started from this room, Python too, has it as its home. */
function marked(): number[] {
  return processesMarked(`HOME=${room.folder}`);
}

function running(script: string): number {
  const [pid] = marked().filter((candidate) => commandLine(candidate).includes(script));
  if (pid === undefined) throw new Error(`${script} is not running`);
  return pid;
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it ended while we looked
  }
}

/** Whom a SIGKILL hits: one process, or with a minus all of a process group. */
const victims = {
  "the launcher": (launcher: number) => launcher,
  "the launcher's process group": (launcher: number) => -launcher,
  "the script": (_: number, script: string) => running(script),
};

describe("in the middle of a demo whose model is silent", () => {
  let model: Server;

  beforeEach(async () => {
    room.program("turbo", "exit 0"); // nothing to build in this room
    const main = join(root, "apps/quickstart/src/main.ts");
    room.write("apps/quickstart/src/main.ts", `import ${JSON.stringify(main)};`);
    const python = process.env["SNAKEPIT_PYTHON"] ?? join(root, "python/.venv/bin/python");
    symlinkSync(dirname(dirname(python)), join(room.folder, "python/.venv"));
    model = createServer((socket) => socket.on("error", () => undefined));
    model.listen(0, "127.0.0.1");
    await once(model, "listening");
  });

  afterEach(() => model.close());

  test.each(Object.entries(victims))("SIGKILL of %s ends everything", async (_, victim) => {
    const address = model.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const demo = room.start(["demo"], {
      DSPEX_LM: "openai/silent",
      DSPEX_API_BASE: `http://127.0.0.1:${port}/v1`,
      DSPEX_API_KEY: "not-a-real-key",
    });
    await once(model, "connection"); // a worker is in the middle of a call
    const started = marked();
    expect(started.length).toBeGreaterThan(4);

    process.kill(victim(demo.pid ?? 0, "scripts/demo.ts"), "SIGKILL");

    await gone(started);
    expect(marked()).toEqual([]);
  });
});

describe("in the middle of a task of turbo", () => {
  // As turbo and pnpm: each child leads a process group of its own, and one has lost its parent.
  const task = `"${process.execPath}" -e 'console.log("at work"); setInterval(() => {}, 1000)'`;

  beforeEach(() => room.program("turbo", `set -m\n${task} &\n(${task} &)\nwait`));

  test.each(Object.entries(victims))("SIGKILL of %s ends everything", async (_, victim) => {
    const run = room.start(["test"]);
    await saw(run, /at work\s+at work/);
    const started = marked();

    process.kill(victim(run.pid ?? 0, "scripts/test.ts"), "SIGKILL");

    await gone(started);
    expect(marked()).toEqual([]);
  });

  test("a Ctrl-C ends those that turbo forgets, too", async () => {
    const run = room.start(["test"]);
    await saw(run, /at work\s+at work/);
    const started = marked();
    run.kill("SIGINT");
    const [status] = (await once(run, "exit")) as [number];
    expect(status).toBe(130);
    await gone(started);
  });
});

test("a finished run is kept alive by nothing", async () => {
  room.write("scripts/demo.ts", "await new Promise((done) => setTimeout(done, 10));");
  expect(await room.launch()).toMatchObject({ status: 0 });
  expect(marked()).toEqual([]);
});

/** Resolves when the output so far matches; the run is then under way. */
async function saw(child: ChildProcess, text: RegExp): Promise<void> {
  for (let seen = ""; !text.test(seen); ) {
    const [chunk] = (await once(child.stdout?.setEncoding("utf8") ?? child, "data")) as [string];
    seen += chunk;
  }
}
