import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { describe, expect, onTestFinished, test } from "vitest";
import { processState, untilGone } from "../fixtures/processes.ts";
import type { WorkerProcess, WorkerSpec } from "../launcher.ts";
import { janitorStatus } from "./janitor.ts";
import { localLauncher } from "./local-launcher.ts";

async function launch(spec: Partial<WorkerSpec>, options?: Parameters<typeof localLauncher>[0]) {
  const worker = await localLauncher(options).launch(
    { program: "sh", args: [], env: {}, channel: "stdio", ...spec },
    { workerId: "w1", signal: new AbortController().signal },
  );
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
  });
  return worker;
}

function launchShell(script: string, channel: WorkerSpec["channel"] = "stdio") {
  return launch({ args: ["-c", script], channel });
}

async function firstLine(worker: WorkerProcess): Promise<string> {
  if (worker.endpoint.kind !== "stdio") throw new Error("this worker dials");
  const output = worker.endpoint.output as Readable;
  let text = "";
  for await (const chunk of output.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  return text.trim();
}

describe("a worker's environment", () => {
  test("holds the usual variables, those of its spec and its name, and no secret", async () => {
    process.env["SNAKEPIT_TEST_SECRET"] = "hunter2";
    process.env["SNAKEPIT_TEST_ALLOWED"] = "yes";
    onTestFinished(() => {
      delete process.env["SNAKEPIT_TEST_SECRET"];
      delete process.env["SNAKEPIT_TEST_ALLOWED"];
    });
    const worker = await launch(
      { args: ["-c", "env >&2"], env: { GREETING: "hello", SNAKEPIT_WORKER_ID: "forged" } },
      { inheritEnv: ["SNAKEPIT_TEST_ALLOWED"] },
    );
    await worker.exited;
    const environment = new Set(worker.stderrTail().split("\n"));
    expect(environment).toContain(`PATH=${process.env["PATH"]}`);
    expect(environment).toContain("GREETING=hello");
    expect(environment).toContain("SNAKEPIT_TEST_ALLOWED=yes");
    expect(environment).toContain("SNAKEPIT_WORKER_ID=w1");
    expect(environment).toContain(`SNAKEPIT_OWNER_PID=${process.pid}`);
    expect(worker.stderrTail()).toMatch(/^SNAKEPIT_RUN=[A-Za-z0-9-]{36}$/m);
    expect(worker.stderrTail()).not.toContain("hunter2");
  });

  test("and its working directory are its spec's", async () => {
    const worker = await launch({ args: ["-c", "pwd"], cwd: "/" });
    expect(await firstLine(worker)).toBe("/");
  });
});

describe("a worker's output", () => {
  test("of 20 MB, which nobody wants to see, never blocks it", async () => {
    const flood = "head -c 20000000 /dev/zero | tr '\\0' 'x'; echo; echo the end of";
    const worker = await launchShell(`${flood} stdout; { ${flood} stderr; } >&2; exit 4`, "dials");
    expect(await worker.exited).toEqual({ kind: "exited", code: 4 });
    expect(worker.stderrTail().slice(-100)).toBe("the end of stdout\nthe end of stderr\n");
  });

  test("on stdout stands before its stderr when it dials", async () => {
    const worker = await launchShell("echo output; echo errors >&2", "dials");
    await worker.exited;
    expect(worker.stderrTail()).toBe("output\nerrors\n");
  });

  test("may be no text at all", async () => {
    const worker = await launchShell("printf 'a\\377\\000b\\n' >&2");
    await worker.exited;
    expect(worker.stderrTail()).toBe("a\uFFFD\uFFFDb\n");
  });

  test("is complete when its exit is known", async () => {
    const script =
      "i=0; while [ $i -lt 500 ]; do echo line $i >&2; i=$((i+1)); done; kill -SEGV $$";
    const worker = await launchShell(script);
    expect(await worker.exited).toEqual({ kind: "signaled", signal: "SIGSEGV" });
    expect(worker.stderrTail()).toMatch(/^line 0\n[\s\S]*line 499\n/);
  });
});

describe("a program that cannot be started", () => {
  test("is named, with where it was looked for", async () => {
    await expect(
      launch({ program: "no-such-program", env: { PATH: "/here:/there" } }),
    ).rejects.toThrow(
      '[WORKER_START_FAILED] worker w1: no program "no-such-program" was found (PATH is /here:/there)',
    );
  });

  test("is told from a missing directory, a missing interpreter and a missing permission", async () => {
    const directory = mkdtempSync(join(tmpdir(), "snakepit-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const script = join(directory, "script");
    writeFileSync(script, "#!/nowhere/interpreter\n");
    await expect(launch({ program: script })).rejects.toThrow("may not be executed");
    chmodSync(script, 0o755);
    await expect(launch({ program: script })).rejects.toThrow("not the interpreter");
    await expect(launch({ program: `${script}.missing` })).rejects.toThrow("there is no program");
    await expect(launch({ cwd: "/nowhere" })).rejects.toThrow("its working directory /nowhere");
  });

  test("has not started anything", async () => {
    await expect(launch({ program: "/nowhere/program" })).rejects.toMatchObject({
      code: "WORKER_START_FAILED",
      retryable: true,
      details: { reason: "not-found", stderr: "" },
    });
    await expect(launch({ args: ["with\0zero"] })).rejects.toMatchObject({
      code: "WORKER_START_FAILED",
      details: { reason: "exited" },
    });
  });

  test("as its caller has gone", async () => {
    const spec: WorkerSpec = { program: "sh", args: [], env: {}, channel: "stdio" };
    const signal = AbortSignal.abort(new Error("changed my mind"));
    const launching = localLauncher().launch(spec, { workerId: "w1", signal });
    await expect(launching).rejects.toThrow("changed my mind");
  });
});

describe("stop", () => {
  test("asks first", async () => {
    const worker = await launchShell(
      "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done",
    );
    await firstLine(worker);
    expect(await worker.stop({ graceMs: 20_000 })).toEqual({ kind: "exited", code: 5 });
  });

  test("forces a worker that does not listen, with everything in its group", async () => {
    const worker = await launchShell(
      "trap '' TERM; sleep 1000 & echo $$ $!; while :; do sleep 1; done",
    );
    const pids = (await firstLine(worker)).split(" ").map(Number);
    expect(await worker.stop({ graceMs: 20 })).toEqual({ kind: "signaled", signal: "SIGKILL" });
    expect(pids).toHaveLength(2);
    await untilGone(pids);
  });

  test("ends a worker that was halted", async () => {
    const worker = await launchShell("kill -STOP $$");
    await expect.poll(() => processState(worker.pid ?? 0)).toBe("T");
    expect(await worker.stop({ graceMs: 20 })).toEqual({ kind: "signaled", signal: "SIGKILL" });
  });

  test("sees one exit however often it is called, and the shortest grace counts", async () => {
    const worker = await launchShell("trap '' TERM; echo ready; while :; do sleep 1; done");
    await firstLine(worker);
    const patient = worker.stop({ graceMs: Number.POSITIVE_INFINITY });
    const exit = await worker.stop({ graceMs: 0 });
    expect(await patient).toBe(exit);
    expect(await worker.stop({ graceMs: 1_000 })).toBe(exit);
    expect(await worker.exited).toBe(exit);
  });
});

describe("a worker that ends by itself", () => {
  test("takes its group along", async () => {
    const worker = await launchShell("sleep 1000 & echo $!; exit 0");
    const grandchild = Number(await firstLine(worker));
    expect(await worker.exited).toEqual({ kind: "exited", code: 0 });
    await untilGone([grandchild]);
  });

  test("is known although a grandchild in another session holds its pipes", async () => {
    const worker = await launchShell("setsid sleep 1000 & echo $!; echo why >&2; exit 3");
    const grandchild = Number(await firstLine(worker));
    onTestFinished(() => {
      process.kill(grandchild, "SIGKILL");
    });
    expect(await worker.exited).toEqual({ kind: "exited", code: 3 });
    expect(worker.stderrTail()).toBe("why\n");
  });
});

test("a worker that dials keeps its stdin as a lifeline", async () => {
  const worker = await launchShell("echo ready >&2; cat; echo the host has gone", "dials");
  expect(worker.endpoint).toEqual({ kind: "dials" });
  expect(worker.label).toBe(`pid ${worker.pid}`);
  const stat = readFileSync(`/proc/${worker.pid}/stat`, "utf8");
  const group = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2];
  expect(Number(group)).toBe(worker.pid);
  await worker.stop({ graceMs: 1_000 });
  expect(worker.stderrTail()).not.toContain("the host has gone");
});

test("the first worker starts the janitor", async () => {
  await launchShell("cat");
  expect(janitorStatus()).toEqual({ state: "running", pid: expect.any(Number), reach: "run" });
});

test("a launcher refuses options that it does not know", () => {
  expect(() => localLauncher({ inherit: ["A"] } as never)).toThrow(
    'localLauncher has no option "inherit"',
  );
});
