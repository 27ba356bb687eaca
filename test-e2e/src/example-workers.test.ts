import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createPool, localLauncher, type Pool, type WorkerProcess } from "snakepit";
import { processAdapter } from "snakepit/process";
import { adapterContract } from "snakepit/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { exampleCases } from "./example-worker-cases.ts";
import { type ExampleWorker, exampleWorkers } from "./example-workers.ts";

const commands = [
  "ping",
  "echo",
  "info",
  "compute",
  "random",
  "process_data",
  "generate_report",
  "ping_stream",
];

const buildFolder = mkdtempSync(join(tmpdir(), "snakepit-examples-"));
afterAll(() => rmSync(buildFolder, { recursive: true, force: true }));

/** R leaves its folder for temporary files behind when it is killed. */
const tidy = { TMPDIR: buildFolder };

for (const worker of exampleWorkers(buildFolder)) {
  const { missing, language } = worker;
  if (missing === undefined) describe(`the worker in ${language}`, () => promises(worker));
  else lacks(language, missing);
}

/** Where the machine was set up for these tests, what is missing is a failure. */
function lacks(language: string, missing: string): void {
  const name = `the worker in ${language} (skipped: ${missing})`;
  if (process.env["SNAKEPIT_CI"] === "1") {
    test(name, () => expect.unreachable(missing));
  } else {
    console.warn(name);
    test.skip(name);
  }
}

function promises(worker: ExampleWorker): void {
  const { program, args } = worker;
  const adapter = (env: Record<string, string> = {}) =>
    processAdapter({ program, args, env: { ...tidy, ...env }, protocol: "json-lines" });

  beforeAll(() => worker.prepare?.(), 120_000);

  const contract = adapterContract({
    adapter,
    echo: "echo",
    slow: {
      command: "ping_stream",
      args: { count: 10_000, interval_ms: 100 },
      onCancel: "stops",
    },
    fail: {
      command: "compute",
      args: { op: "divide", a: 1, b: 0 },
      type: "DIVISION_BY_ZERO",
      message: "cannot divide 1 by zero",
    },
    stream: {
      command: "ping_stream",
      args: { count: 20 },
      chunks: Array.from({ length: 20 }, (_, n) => ({
        sequence: n + 1,
        message: `pong ${n + 1}`,
      })),
    },
    endlessStream: { command: "ping_stream", args: { count: 1_000_000_000, interval_ms: 1 } },
    crash: "absent",
    session: {
      command: "info",
      pick: (reply) => (reply as { session_id: unknown }).session_id,
    },
    missingProgram: "absent", // of the program that runs the worker's file; see json-lines.test.ts
  });
  for (const { name, run } of contract) test(name, run, 60_000);

  describe("one table for all languages", () => {
    let pool: Pool;
    // In a language that has no ü: the protocol is UTF-8 wherever the worker runs.
    beforeAll(async () => {
      pool = await createPool({ adapter: adapter({ LC_ALL: "C", LANG: "C" }), maxWorkers: 1 });
      return () => pool.close();
    }, 60_000);

    test.each(exampleCases)("$command $args", async (one) => {
      const call = pool.execute(one.command, one.args);
      if ("result" in one) expect(rounded(await call)).toEqual(rounded(one.result));
      else await expect(call).rejects.toMatchObject({ details: { type: one.error } });
    });

    test("info says who answers", async () => {
      expect(await pool.execute("info", {})).toEqual({
        language: worker.language,
        version: expect.stringMatching(/\d+\.\d+/),
        pid: expect.any(Number),
        session_id: null,
        commands,
      });
    });

    test("random numbers are within their bounds and not the same twice", async () => {
      const draw = () => pool.execute("random", { min: -5, max: 7, count: 500 });
      const [first, second] = (await Promise.all([draw(), draw()])) as [number[], number[]];
      expect(first).toHaveLength(500);
      expect(first.every((number) => number >= -5 && number < 7)).toBe(true);
      expect(Math.max(...first) - Math.min(...first)).toBeGreaterThan(6);
      expect(first).not.toEqual(second);
      expect(await pool.execute("random", {})).toHaveLength(1);
    });
  });

  test.each(["SIGTERM", "SIGINT"] as const)("%s ends it cleanly", async (signal) => {
    const { process: child } = await ready(worker);
    process.kill(child.pid ?? 0, signal);
    expect(await child.exited).toEqual({ kind: "exited", code: 0 });
  });

  test("SIGTERM ends it cleanly while it works", async () => {
    const { process: child, lines, write } = await ready(worker);
    const args = { count: 100_000, interval_ms: 10 };
    write({ request_id: "1", command: "ping_stream", args, stream: true });
    await lines.next();
    process.kill(child.pid ?? 0, "SIGTERM");
    expect(await child.exited).toEqual({ kind: "exited", code: 0 });
  });

  test("the end of its input ends it cleanly", async () => {
    const { process: child, end } = await ready(worker);
    end();
    expect(await child.exited).toEqual({ kind: "exited", code: 0 });
  });

  test("messages that it does not know, and lines that are none, do it no harm", async () => {
    const { lines, write, line } = await ready(worker);
    write({ type: "cleanup_session", session_id: "user_1" });
    write({ type: "from-the-future", request_id: "1", deep: { as: ["you", "like"] } });
    write({ type: "cancel", request_id: "nobody" });
    line("this is no JSON");
    write({ request_id: "2", command: "ping", args: {}, colour: "red" });
    expect(await lines.next()).toMatchObject({
      value: { request_id: "2", success: true, result: "pong" },
    });
  });
}

/** The languages add up in different orders, and the last digit shows it. */
function rounded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, one) =>
      typeof one === "number" ? Number(one.toPrecision(12)) : one,
    ),
  );
}

/** A worker with nothing between it and the test. */
async function ready({ program, args }: ExampleWorker) {
  const spec = { program, args, env: tidy, channel: "stdio" } as const;
  const { signal } = new AbortController();
  const child: WorkerProcess = await localLauncher().launch(spec, { workerId: "w1", signal });
  onTestFinished(async () => {
    await child.stop({ graceMs: 0 });
  });
  if (child.endpoint.kind !== "stdio") throw new Error("a local worker has pipes");
  const { input, output } = child.endpoint;
  const lines = messages(output);
  expect((await lines.next()).value).toMatchObject({ type: "ready", worker_id: "w1", commands });
  const line = (text: string) => input.write(`${text}\n`);
  return {
    process: child,
    lines,
    line,
    write: (message: object) => line(JSON.stringify(message)),
    end: () => input.end(),
  };
}

async function* messages(output: NodeJS.ReadableStream): AsyncGenerator<unknown> {
  for await (const line of createInterface({ input: output })) yield JSON.parse(line);
}
