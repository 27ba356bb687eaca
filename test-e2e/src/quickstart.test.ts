/** The demo as a newcomer sees it: a child process, its output, its exit code, what it leaves. */
import { type ChildProcess, spawn } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 120_000 }); // for a machine that has other things to do

const repository = join(import.meta.dirname, "../..");
const quickstart = join(repository, "apps/quickstart");
const python = process.env["SNAKEPIT_PYTHON"] ?? join(repository, "python/.venv/bin/python");

/** Its name is in the environment of everything that a run starts, and so marks it. */
let room: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  room = await mkdtemp(join(tmpdir(), "quickstart-"));
});

afterEach(async () => {
  for (const child of started.splice(0)) child.kill("SIGKILL"); // only a failed test left one
  await rm(room, { recursive: true });
});

test("the demo ends by itself with every section, honest figures and nothing left", async () => {
  const run = await start().ended;

  expect(run.stderr).toBe("");
  expect(run.exitCode).toBe(0);
  for (const heading of ["tickets", "Summaries", "Questions", "Who, where", "aloud", "In all"]) {
    expect(run.stdout).toContain(heading);
  }
  expect(run.stdout).toContain("demo");
  expect(run.stdout).not.toContain("\u001b[");
  expect(accuracy(run.stdout)).toBeGreaterThanOrEqual(40); // guessing among five labels gives 20
  await nothingLeft();
});

test("it really reads the files: other texts give other results", async () => {
  const data = await copyOfTheData();
  const same = await readFile(join(data, "tickets/2203.txt"), "utf8");
  for (const name of await readdir(join(data, "tickets"))) {
    await writeFile(join(data, "tickets", name), same);
  }
  const article = "A new bridge\n\nThe Quillon bridge was opened by Thea Vandermolen in 1987.\n";
  await writeFile(join(data, "articles/bridge.txt"), article);
  await writeFile(
    join(data, "questions.json"),
    JSON.stringify([
      {
        article: "bridge.txt",
        question: "Who opened the Quillon bridge?",
        rightIfItContains: ["Vandermolen"],
      },
    ]),
  );

  const run = await start("--data", data).ended;

  expect(run.stderr).toBe("");
  expect(run.exitCode).toBe(0);
  expect(accuracy(run.stdout)).toBe(20); // forty equal tickets get one label, which fits eight
  expect(run.stdout).toContain("Thea Vandermolen");
  expect(run.stdout).toContain("1 of 1 answers");
});

test("Ctrl-C in the middle gives one sentence, exit code 130 and leaves nothing", async () => {
  const run = start("--data", await aLotOfTickets());
  await run.saw("10 of ");
  expect((await marked()).length).toBeGreaterThan(1); // otherwise nothing would be proved below

  run.child.kill("SIGINT");

  const { exitCode, stderr } = await run.ended;
  expect(exitCode).toBe(130);
  expect(stderr.trim()).toBe("Stopped. Nothing is left running.");
  await nothingLeft();
});

test("Ctrl-C while the workers are starting does the same", async () => {
  const run = start();
  await run.saw("Model:");
  run.child.kill("SIGINT");

  const { exitCode, stderr } = await run.ended;
  expect(exitCode).toBe(130);
  expect(stderr.trim()).toBe("Stopped. Nothing is left running.");
  await nothingLeft();
});

test("SIGKILL of the demo leaves no process", async () => {
  const run = start("--data", await aLotOfTickets());
  await run.saw("10 of ");
  expect((await marked()).length).toBeGreaterThan(1);

  run.child.kill("SIGKILL");

  expect((await run.ended).signal).toBe("SIGKILL");
  await nothingLeft();
});

test("a reader that goes away early is no failure", async () => {
  const run = start();
  await run.saw("\n");
  run.child.stdout?.destroy();

  expect(await run.ended).toMatchObject({ exitCode: 0, stderr: "" });
  await nothingLeft();
});

test("a folder without the texts is named in one sentence", async () => {
  const run = await start("--data", room).ended;

  expect(run.exitCode).toBe(1);
  expect(run.stderr).toContain(room);
  expect(run.stderr.trim().split("\n")).toHaveLength(1);
});

test("without Python it says so in one sentence", async () => {
  const run = await startWith({ SNAKEPIT_PYTHON: "/nowhere/python3" }).ended;

  expect(run.exitCode).toBe(1);
  expect(run.stderr).toContain("/nowhere/python3");
  expect(run.stderr.trim().split("\n")).toHaveLength(1);
});

test("a model that cannot be reached is named in one sentence", async () => {
  const run = await startWith({
    DSPEX_LM: "openai/some-model",
    ...unreachable,
  }).ended;

  expect(run.exitCode).toBe(1);
  expect(run.stderr).toContain("openai/some-model");
  expect(run.stderr).not.toContain(unreachable.DSPEX_API_KEY);
  expect(run.stderr.trim().split("\n")).toHaveLength(1);
  await nothingLeft();
});

test("a key that was found but leads nowhere is no obstacle: the demo model steps in", async () => {
  const run = await startWith({ DSPEX_LM: "", OPENAI_API_KEY: "found", ...unreachable }).ended;

  expect(run.exitCode).toBe(0);
  expect(run.stdout).toMatch(/openai\/\S+, because OPENAI_API_KEY is set/);
  expect(run.stdout).toContain("That did not work");
  expect(run.stdout).toMatch(/│ demo +│ +54 │/);
});

test("on a terminal it draws a bar, in colour", async () => {
  const { stdout, exitCode } = await onTerminal({});
  expect(exitCode).toBe(0);
  expect(stdout).toContain("█ 40/40 tickets");
  expect(stdout).toContain("\u001b[36m"); // cyan headings
});

test("on a terminal with NO_COLOR there is no colour", async () => {
  const { stdout, exitCode } = await onTerminal({ NO_COLOR: "1" });
  expect(exitCode).toBe(0);
  expect(stdout).toContain("█ 40/40 tickets");
  for (const code of ["\u001b[1m", "\u001b[36m", "\u001b[32m"]) expect(stdout).not.toContain(code);
});

/** Port 9 is "discard", and nothing listens there. */
const unreachable = { DSPEX_API_BASE: "http://127.0.0.1:9/v1", DSPEX_API_KEY: "not-a-real-key" };

interface Run {
  readonly child: ChildProcess;
  /** Resolves when the output so far contains the text; rejects when the program ends without. */
  saw(text: string): Promise<void>;
  readonly ended: Promise<Ended>;
}

interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(...args: string[]): Run {
  return startWith({}, ...args);
}

function startWith(variables: Record<string, string>, ...args: string[]): Run {
  return startProgram(process.execPath, [join(quickstart, "src/main.ts"), ...args], variables);
}

/** Python's standard library makes the terminal that Node has no means for. */
function onTerminal(variables: Record<string, string>): Promise<Ended> {
  const script =
    "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
  const command = [process.execPath, join(quickstart, "src/main.ts")];
  return startProgram(python, ["-c", script, ...command], { TERM: "xterm", ...variables }).ended;
}

function startProgram(program: string, args: string[], variables: Record<string, string>): Run {
  const child = spawn(program, args, {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? room,
      TMPDIR: room,
      DSPEX_LM: "demo",
      SNAKEPIT_PYTHON: python,
      ...variables,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }));
  });
  const saw = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (stdout.includes(text)) resolve();
      };
      child.stdout.on("data", look);
      void ended.then(() => reject(new Error(`ended without "${text}":\n${stdout}\n${stderr}`)));
      look();
    });
  return { child, saw, ended };
}

async function copyOfTheData(): Promise<string> {
  const data = join(room, "data");
  await cp(join(quickstart, "data"), data, { recursive: true });
  return data;
}

/** Enough work that a signal sent after the first ten tickets arrives in the middle of it. */
async function aLotOfTickets(): Promise<string> {
  const data = await copyOfTheData();
  const folder = join(data, "tickets");
  for (const name of await readdir(folder)) {
    const text = await readFile(join(folder, name));
    for (let copy = 0; copy < 20; copy += 1) await writeFile(join(folder, `${copy}-${name}`), text);
  }
  return data;
}

/** In per cent, as the demo prints it. */
function accuracy(stdout: string): number {
  return Number(/Accuracy (\d+) %/.exec(stdout)?.[1]);
}

/** Processes whose environment names this test's room, whoever their parent is by now. */
async function marked(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // A process that ended since the listing, or that belongs to somebody else, is not ours.
      const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      return environment.includes(room) ? [pid] : [];
    }),
  );
  return found.flat();
}

/** Waits for the promise "no orphans" (1 s), generously, because a busy machine decides no test. */
async function nothingLeft(): Promise<void> {
  const endMs = performance.now() + 10_000;
  while ((await marked()).length > 0 && performance.now() < endMs) await pause(50);
  const commands = await Promise.all(
    (await marked()).map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => pid)),
  );
  expect(commands).toEqual([]);
}
