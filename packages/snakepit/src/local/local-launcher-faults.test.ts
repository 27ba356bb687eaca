import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { fixture, processState, untilGone } from "../fixtures/processes.ts";
import type { WorkerProcess } from "../launcher.ts";
import { TAIL_BYTES } from "../output-tail.ts";
import { localLauncher } from "./local-launcher.ts";
import { processGuards } from "./process-guards.ts";

const MiB = 1024 * 1024;

async function launch(
  script: string,
  channel: "stdio" | "dials" = "dials",
): Promise<WorkerProcess> {
  const spec = { program: "sh", args: ["-c", script], env: { SECRET: "hunter2" }, channel };
  const signal = new AbortController().signal;
  const worker = await localLauncher().launch(spec, { workerId: "w1", signal });
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
  });
  return worker;
}

/** The only line that a program of the fixtures prints, when it has ended by itself. */
async function reportOf(program: string, args: readonly string[]): Promise<unknown> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return JSON.parse(await text(child.stdout));
}

test("100 MB on both outputs block no worker and stay out of its host's memory", async () => {
  const report = await reportOf(process.execPath, [fixture("flooded-host.mjs")]);
  expect(report).toMatchObject({
    exit: { kind: "exited", code: 4 },
    tail: expect.stringMatching(/\nthe end of stderr\n$/),
  });
  const { most, kept } = report as { most: number; kept: number };
  expect(kept).toBeLessThanOrEqual(TAIL_BYTES);
  // Node's own buffers come and go; a host that kept the output would have grown by 200 MB.
  expect(most).toBeLessThan(80 * MiB);
});

describe("a host without file descriptors", () => {
  const shell = (limit: number, ...args: readonly string[]) => [
    "-c",
    `ulimit -n ${limit}; exec "$@"`,
    "sh",
    process.execPath,
    fixture("few-descriptors.mjs"),
    ...args,
  ];
  const failure = {
    code: "WORKER_START_FAILED",
    message: expect.stringMatching(
      /worker w\d: cat could not be started: .* no file descriptor left; raise the limit \(ulimit -n\).*EMFILE/,
    ),
  };

  test("says so, keeps the workers it has, and starts others when it has some again", async () => {
    expect(await reportOf("sh", shell(64))).toEqual({
      failures: [failure, failure],
      during: "hello",
      after: "hello again",
      janitor: "running",
    });
  });

  test("gets every guard later that it could not have for its first worker", async () => {
    expect(await reportOf("sh", shell(64, "first-worker"))).toEqual({
      failures: [failure, failure],
      after: "hello again",
      janitor: "running",
    });
  });
});

describe("a worker that closes its outputs", () => {
  test("is managed as before", async () => {
    const worker = await launch("exec 1>&- 2>&-; trap 'exit 5' TERM; while :; do sleep 0.01; done");
    await expect.poll(() => openDescriptors(worker)).toEqual(["0"]);
    expect(await worker.stop({ graceMs: 20_000 })).toEqual({ kind: "exited", code: 5 });
  });

  test("and its input is known by its exit alone", async () => {
    const worker = await launch("exec 0<&- 1>&- 2>&-; sleep 0.05; exit 3", "stdio");
    expect(await worker.exited).toEqual({ kind: "exited", code: 3 });
  });
});

test("what a worker says, and that it stops, is heard by who listens once it is launched", async () => {
  for (let round = 0; round < 10; round++) {
    const closing = await launch("exec >&-; sleep 1000", "stdio");
    await once(outputOf(closing).resume(), "end");
    const leaving = await launch("echo goodbye", "stdio");
    expect(await text(outputOf(leaving))).toBe("goodbye\n");
  }
});

function outputOf({ endpoint }: WorkerProcess): NodeJS.ReadableStream {
  if (endpoint.kind !== "stdio") throw new Error("this worker dials");
  return endpoint.output;
}

/** Of the shell's own descriptors, those that are the pipes to its host. */
function openDescriptors({ pid }: WorkerProcess): string[] {
  return ["0", "1", "2"].filter((descriptor) => existsSync(`/proc/${pid}/fd/${descriptor}`));
}

test("bytes that are no text, and zeros, reach an error as text", async () => {
  const worker = await launch("printf '\\376\\377\\000\\303'; printf 'a\\0b\\377' >&2");
  await worker.exited;
  expect(worker.stderrTail()).toBe("\uFFFD\uFFFD\uFFFD\uFFFD\na\uFFFDb\uFFFD");
});

test("a halted worker is ended, with what it has started", async () => {
  const worker = await launch("sleep 1000 & echo $!; kill -STOP $$");
  await expect.poll(() => processState(worker.pid ?? 0)).toBe("T");
  await expect.poll(() => worker.stderrTail()).toMatch(/^\d+\n$/);
  const grandchild = Number(worker.stderrTail());
  process.kill(grandchild, "SIGSTOP");
  await worker.stop({ graceMs: 10 });
  await untilGone([worker.pid ?? 0, grandchild]);
});

describe.skipIf(!existsSync("/proc/self/cmdline"))("what everybody may read of a worker", () => {
  test("is its program by its full path and its arguments, and nothing of its environment", async () => {
    const worker = await launch("sleep 1000 & wait");
    const words = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    // `setpriv`, where it is used, has become the program by then.
    await expect.poll(() => words(worker.pid ?? 0)[0]).toMatch(/(^|\/)sh$/);
    expect(words(worker.pid ?? 0).slice(1)).toEqual(["-c", "sleep 1000 & wait", ""]);
    const { janitor } = processGuards();
    const janitorWords = janitor.state === "running" ? words(janitor.pid).join(" ") : "";
    expect(janitorWords).toContain("snakepit-janitor");
    expect(janitorWords).not.toContain("hunter2");
  });
});

test("the guards of this machine's workers can be looked up", async () => {
  await launch("exit 0");
  expect(processGuards()).toEqual({
    janitor: { state: "running", pid: expect.any(Number), reach: expect.any(String) },
    parentDeathSignal: expect.stringMatching(/^(setpriv|unavailable)$/),
    registry: { directory: expect.stringContaining("snakepit") },
  });
});

test("a launcher names the option that was meant", () => {
  expect(() => localLauncher({ stateDirectori: "/x" } as never)).toThrow(
    'localLauncher has no option "stateDirectori"; meant stateDirectory?',
  );
  expect(() => localLauncher({ stateDirectory: "", onOrphans: true } as never)).toThrow(
    'stateDirectory must be a string that is not empty, not ""; onOrphans must be a function, not true',
  );
});
