import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { createPool } from "../create-pool.ts";
import { SnakepitError } from "../errors.ts";
import { processAdapter } from "../process/index.ts";
import { type FakeProgramContext, fakeLauncher } from "./index.ts";

const signal = new AbortController().signal;
const spec = { program: "x", args: [], env: {}, channel: "stdio" } as const;
const adapter = processAdapter({ program: "x", protocol: "json-lines" });

/** A worker of JSON lines: it echoes, and dies of the command `die`. */
function echoes({ input, output, process }: FakeProgramContext): void {
  output.write('{"type":"ready"}\n');
  createInterface({ input }).on("line", (line) => {
    const { request_id, command, args } = JSON.parse(line);
    if (command === "die") {
      process.complain("I am dying\n");
      process.end({ kind: "signaled", signal: "SIGSEGV" });
    } else output.write(`${JSON.stringify({ request_id, success: true, result: args })}\n`);
  });
}

test("an adapter talks to a function in place of a program", async () => {
  const launcher = fakeLauncher({ program: echoes });
  await using pool = await createPool({ adapter, launcher, maxWorkers: 1 });
  expect(await pool.execute("echo", { a: 1 })).toEqual({ a: 1 });
  expect(launcher.launches).toBe(1);
  expect(launcher.workers).toHaveLength(1);
});

test("a worker that dies leaves its exit and its last words, and is replaced", async () => {
  const launcher = fakeLauncher({ program: echoes });
  await using pool = await createPool({ adapter, launcher, maxWorkers: 1 });
  const error = await pool.execute("die").catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
  expect(error).toMatchObject({ details: { signal: "SIGSEGV", stderr: "I am dying\n" } });
  expect(await pool.execute("echo", "again")).toBe("again");
  expect(launcher.launches).toBe(2);
});

test("a start takes as long as it is told to, and fails as it is told to", async () => {
  let go!: () => void;
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  const slow = fakeLauncher({ onLaunch: () => held });
  let started = false;
  const worker = slow.launch(spec, { workerId: "w1", signal }).then(() => {
    started = true;
  });
  await new Promise(setImmediate);
  expect(started).toBe(false);
  go();
  await worker;

  const failing = fakeLauncher({
    onLaunch: () => {
      throw new SnakepitError("WORKER_START_FAILED", "no room", {
        details: { reason: "not-found", stderr: "" },
      });
    },
  });
  await expect(createPool({ adapter, launcher: failing })).rejects.toThrow("no room");
});

test("a start that is given up leaves nothing", async () => {
  const launcher = fakeLauncher({ onLaunch: () => new Promise(() => {}) });
  const abort = new AbortController();
  const worker = launcher.launch(spec, { workerId: "w1", signal: abort.signal });
  abort.abort(new Error("no longer wanted"));
  await expect(worker).rejects.toThrow("no longer wanted");
  expect(launcher.workers).toEqual([]);
});

test("a worker that ignores SIGTERM is killed when its grace is over, and sees one exit", async () => {
  const deaf = fakeLauncher({ ignoresTerm: true });
  const worker = await deaf.launch(spec, { workerId: "w1", signal });
  const exits = [worker.stop({ graceMs: 60_000 }), worker.stop({ graceMs: 5 }), worker.exited];
  const killed = { kind: "signaled", signal: "SIGKILL" };
  expect(await Promise.all(exits)).toEqual([killed, killed, killed]);

  const polite = await fakeLauncher().launch(spec, { workerId: "w1", signal });
  expect(await polite.stop({ graceMs: 60_000 })).toEqual({ kind: "signaled", signal: "SIGTERM" });
});

test("its memory is what the test says", async () => {
  const launcher = fakeLauncher({ memoryBytes: 1_000 });
  const worker = await launcher.launch(spec, { workerId: "w1", signal });
  expect(await worker.memoryBytes?.("resident")).toBe(1_000);
  const [own] = launcher.workers;
  if (own !== undefined) own.memory = 5_000;
  expect(await worker.memoryBytes?.("proportional")).toBe(5_000);
});

test("what a worker wrote before its end can still be read", async () => {
  const launcher = fakeLauncher({
    program: ({ output, process }) => {
      output.write("last words");
      process.end({ kind: "exited", code: 3 });
    },
  });
  const { endpoint, exited } = await launcher.launch(spec, { workerId: "w1", signal });
  if (endpoint.kind !== "stdio") throw new Error("it has pipes");
  const text: string[] = [];
  for await (const chunk of endpoint.output) text.push(String(chunk));
  expect(text.join("")).toBe("last words");
  expect(await exited).toEqual({ kind: "exited", code: 3 });
  expect(launcher.workers).toEqual([]);
});
