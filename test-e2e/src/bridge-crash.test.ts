import { writeFileSync } from "node:fs";
import type { SnakepitError } from "snakepit";
import { expect, test } from "vitest";
import { gone, isRunning, pythonFolder, temporaryFolder, testBridge } from "./workspace.ts";

test("a worker killed in the middle of a call fails that call, and the next one is served", async () => {
  const bridge = await testBridge();
  const pid = (await bridge.execute("e2e.pid")) as number;
  const call = bridge.execute("e2e.sleep_async", {
    seconds: 60,
    mark: `${temporaryFolder()}/mark`,
  });
  await bridge.execute("echo", {});
  process.kill(pid, "SIGKILL");
  await expect(call).rejects.toMatchObject({
    code: "WORKER_EXITED",
    outcome: "unknown",
    details: { signal: "SIGKILL" },
  });
  expect(await bridge.execute("e2e.pid")).not.toBe(pid);
});

test("a worker killed in the middle of a stream ends it after the chunks that came", async () => {
  const bridge = await testBridge();
  const pid = (await bridge.execute("e2e.pid")) as number;
  const stream = bridge.stream("e2e.count", { n: 1_000_000 });
  expect((await stream.next()).value).toBe(0);
  process.kill(pid, "SIGKILL");
  let expected = 1;
  const error = await (async () => {
    for await (const chunk of stream) expect(chunk).toBe(expected++);
  })().catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "WORKER_EXITED" });
});

test("a segmentation fault arrives with its signal and the worker's last words", async () => {
  const bridge = await testBridge();
  const error = await bridge.execute("e2e.segfault").catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "WORKER_EXITED", details: { signal: "SIGSEGV" } });
  const { stderr } = (error as SnakepitError<"WORKER_EXITED">).details;
  expect(stderr).toContain("about to crash");
  expect(stderr).toContain("Segmentation fault"); // from faulthandler
});

test("an exit in a handler arrives with its code", async () => {
  const bridge = await testBridge();
  await expect(bridge.execute("e2e.exit", { code: 7 })).rejects.toMatchObject({
    code: "WORKER_EXITED",
    details: { exitCode: 7 },
  });
  expect(await bridge.execute("echo", { n: 1 })).toEqual({ n: 1 });
});

test("when the fork server dies its workers die with it, and a new one serves", async () => {
  const bridge = await testBridge();
  const pid = (await bridge.execute("e2e.pid")) as number;
  const server = (await bridge.python.call("os.getppid")) as number;
  const call = bridge.execute("e2e.sleep_async", {
    seconds: 60,
    mark: `${temporaryFolder()}/mark`,
  });
  await bridge.execute("echo", {});
  process.kill(server, "SIGKILL");
  await expect(call).rejects.toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
  await gone([pid, server]);
  expect(await bridge.execute("e2e.pid")).not.toBe(pid);
});

test("closing ends workers, fork server and what the workers started", async () => {
  const bridge = await testBridge();
  const pids = [
    (await bridge.execute("e2e.pid")) as number,
    (await bridge.python.call("os.getppid")) as number,
  ];
  await bridge.close();
  await gone(pids);
  expect(pids.filter(isRunning)).toEqual([]);
  await expect(bridge.execute("echo", {})).rejects.toMatchObject({ code: "POOL_CLOSED" });
});

test("a worker that dies in its handshake says why in the error", async () => {
  const broken = testBridge({ python: { preload: ["no_such_module_anywhere"] } });
  const error = await broken.catch((e: unknown) => e);
  expect(error).toMatchObject({
    code: "WORKER_START_FAILED",
    outcome: "not-started",
    details: { reason: "exited", exitCode: 3 },
  });
  expect(String(error)).toContain("No module named 'no_such_module_anywhere'");
  expect(String(error)).toContain("python.path");
});

test("the same without a fork server", async () => {
  const broken = testBridge({
    python: { preload: ["no_such_module_anywhere"], startMethod: "spawn" },
  });
  const error = await broken.catch((e: unknown) => e);
  expect(error).toMatchObject({
    code: "WORKER_START_FAILED",
    details: { reason: "exited", exitCode: 3 },
  });
  expect(String(error)).toContain("No module named 'no_such_module_anywhere'");
});

for (const startMethod of ["fork", "spawn"] as const) {
  test(`a Python without gRPC is told what to install, with ${startMethod}`, async () => {
    const folder = temporaryFolder();
    // Found before the one that is installed.
    const missing = "raise ModuleNotFoundError(\"No module named 'grpc'\", name='grpc')\n";
    writeFileSync(`${folder}/grpc.py`, missing);
    const broken = testBridge({
      transport: "grpc",
      python: { preload: [], path: [folder], startMethod },
    });
    const error = await broken.catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: "WORKER_START_FAILED",
      message:
        "[WORKER_START_FAILED] the gRPC transport needs grpcio and protobuf in this Python (No module named 'grpc'): npx snakepit-bridge setup --extra grpc, or pip install grpcio protobuf",
      details: { stderr: expect.not.stringContaining("Traceback") },
    });
  });
}

test("spawned workers serve like forked ones", async () => {
  const bridge = await testBridge({ python: { preload: ["e2e_commands"], startMethod: "spawn" } });
  expect(await bridge.execute("echo", { n: 1 })).toEqual({ n: 1 });
  const error = await bridge.execute("e2e.segfault").catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "WORKER_EXITED", details: { signal: "SIGSEGV" } });
});

test("a preload that never ends is given up after startTimeoutMs", async () => {
  const folder = temporaryFolder();
  writeFileSync(`${folder}/endless.py`, "import time\ntime.sleep(3600)\n");
  const started = testBridge({
    startTimeoutMs: 1_000,
    python: { preload: ["endless"], path: [folder] },
  });
  await expect(started).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    outcome: "not-started",
    details: { reason: "timeout" },
  });
});

test("what a start-up hook of Python prints does no harm", async () => {
  const folder = temporaryFolder();
  writeFileSync(`${folder}/sitecustomize.py`, 'print("hello from a hook", flush=True)\n');
  const bridge = await testBridge({ python: { path: [folder, pythonFolder] } });
  expect(await bridge.execute("echo", { n: 1 })).toEqual({ n: 1 });
});

test("a fork server that is stopped does not keep the bridge from closing", async () => {
  const bridge = await testBridge();
  const pids = [
    (await bridge.execute("e2e.pid")) as number,
    (await bridge.python.call("os.getppid")) as number,
  ];
  process.kill(pids[1] as number, "SIGSTOP");
  await bridge.close({ graceMs: 0 });
  await gone(pids);
});
