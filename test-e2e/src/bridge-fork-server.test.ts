/** Where workers come from: what they share, what they do not, and what happens when that dies. */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { processTreeMemory } from "snakepit";
import { expect, test } from "vitest";
import { until } from "../../packages/snakepit/src/fixtures/until.ts";
import { gone, isRunning, made, pythonFolder, temporaryFolder, testBridge } from "./workspace.ts";

const MiB = 2 ** 20;
const python = { preload: ["e2e_commands", "e2e_environment", "numpy"], path: [pythonFolder] };

function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).map((name) => readlinkSync(join(folder, name)));
}

test("a forked worker has no descriptor of its fork server, nor of another worker", async () => {
  const bridge = await testBridge({ python, minWorkers: 2, maxWorkers: 2 });
  const { forkServer = 0, workers } = bridge.status().pools["default"] ?? {};
  const [one, two] = workers?.map(({ pid }) => openFiles(pid ?? 0)) ?? [];
  const others = new Set([...openFiles(forkServer), ...(two ?? [])]);
  expect(one?.length).toBeGreaterThan(3);
  expect(one?.filter((file) => others.has(file))).toEqual(["/dev/null"]);
});

test("an idle worker with DSPy preloaded has at most 15 MB that is its own", async () => {
  const bridge = await testBridge({
    python: { preload: ["snakepit_bridge.dspy"] },
    minWorkers: 4,
    maxWorkers: 4,
  });
  const memory = bridge.pool
    .workers()
    .map(({ pid }) => processTreeMemory(pid ?? 0, "proportional"));
  for (const bytes of await Promise.all(memory)) {
    expect(bytes).toBeGreaterThan(MiB);
    expect(bytes).toBeLessThan(15 * MiB);
  }
});

test("the same seed gives the n-th worker the same numbers, forked or spawned", async () => {
  const draw = async (options: object) => {
    const bridge = await testBridge({ python: { ...python, ...options } });
    const first = await bridge.execute("env.draw");
    const pid = (await bridge.execute("e2e.pid")) as number;
    process.kill(pid, "SIGKILL");
    await gone([pid]);
    const second = await bridge.execute("env.draw", {}, { idempotent: true });
    const variable = await bridge.execute("env.variable", { name: "SNAKEPIT_SEED" });
    await bridge.close({ graceMs: 0 });
    return { numbers: [first, second], variable };
  };
  const once = await draw({ seed: 42 });
  const again = await draw({ seed: 42 });
  const spawned = await draw({ seed: 42, startMethod: "spawn" });
  const [first, second] = once.numbers;
  expect(first).toHaveLength(2); // Python's and numpy's
  expect(first).not.toEqual(second);
  expect([again, spawned]).toEqual([once, once]);
  // printf 42/1 | sha256sum
  expect(once.variable).toBe(String(0x2e4deec3));
  expect((await draw({ seed: 43 })).numbers[0]).not.toEqual(first);
  expect((await draw({})).variable).toBeNull();
});

test.each(["fork", "spawn"] as const)(
  "numeric libraries have one thread in a worker, or as many as threads says (%s)",
  async (startMethod) => {
    const one = await testBridge({ python: { ...python, startMethod } });
    expect(await one.execute("env.openblas_threads")).toEqual([1]);
    const two = await testBridge({ python: { ...python, threads: 2, startMethod } });
    const isSpawned = startMethod === "spawn";
    // As it is loaded OpenBLAS takes no more threads than there are cores.
    const expected = isSpawned ? Math.min(2, availableParallelism()) : 2;
    expect(await two.execute("env.openblas_threads")).toEqual([expected]);
    expect(await two.execute("env.variable", { name: "OMP_NUM_THREADS" })).toBe("2");
    expect(two.status().pools["default"]?.spawnReason !== undefined).toBe(isSpawned);
  },
);

const unforkable = {
  thread: [
    "import threading, time",
    "threading.Thread(target=time.sleep, args=[3600], name='busy', daemon=True).start()",
  ],
  loop: ["import asyncio", "asyncio._set_running_loop(asyncio.new_event_loop())"],
  cuda: [
    "import sys, types",
    "torch = types.ModuleType('torch')",
    "torch.cuda = types.SimpleNamespace(is_initialized=lambda: True)",
    "torch.manual_seed = torch.seed = lambda *_: None",
    "sys.modules['torch'] = torch",
  ],
};

test.each([
  ["thread", "importing culprit left 1 thread(s) running (busy)"],
  ["loop", "importing culprit left an event loop running"],
  ["cuda", "importing culprit initialised CUDA"],
] as const)(
  "a preload that forbids a fork is named, and workers are spawned (%s)",
  async (what, reason) => {
    const folder = temporaryFolder();
    const imports = join(folder, "imports");
    const note = `open(${JSON.stringify(imports)}, "a").write("x")`;
    writeFileSync(join(folder, "culprit.py"), [...unforkable[what], note].join("\n"));
    const bridge = await testBridge({
      minWorkers: 2,
      maxWorkers: 3,
      python: { preload: ["e2e_commands", "culprit"], path: [pythonFolder, folder] },
    });
    const status = () => bridge.status().pools["default"];
    expect(status()).toMatchObject({ spawnReason: reason, forkServer: undefined });
    expect(await bridge.python.call("os.getppid")).toBe(process.pid);
    await bridge.pool.resize({ minWorkers: 3 });
    // One that was to fork, and found that it cannot; nobody asks it a second time.
    expect(readFileSync(imports, "utf8")).toBe("xxxx");
  },
);

test("a fork server that cannot fork does not stay", async () => {
  const folder = temporaryFolder();
  const pids = join(folder, "pids");
  const lines = [
    "import os",
    `open(${JSON.stringify(pids)}, "a").write(f"{os.getpid()} ")`,
    ...unforkable.thread,
  ];
  writeFileSync(join(folder, "culprit.py"), lines.join("\n"));
  const bridge = await testBridge({ python: { preload: ["culprit"], path: [folder] } });
  const worker = bridge.pool.workers()[0]?.pid ?? 0;
  const all = readFileSync(pids, "utf8").trim().split(" ").map(Number);
  expect(all).toHaveLength(2);
  await gone(all.filter((pid) => pid !== worker));
  expect(isRunning(worker)).toBe(true);
});

test("a fork server that is killed under load is one mishap: a new one serves at once", async () => {
  const bridge = await testBridge({ python, minWorkers: 4, maxWorkers: 4 });
  const events: string[] = [];
  bridge.pool.on("*", ({ name }) => events.push(name));
  const folder = temporaryFolder();
  const calls = Array.from({ length: 64 }, (_, n) => {
    const call = bridge.execute("e2e.sleep_async", { seconds: 60, mark: `${folder}/${n}` });
    return call.catch((error: unknown) => error);
  });
  for (let n = 0; n < 64; n++) await made(`${folder}/${n}.began`);
  const before = bridge.status().pools["default"]?.forkServer ?? 0;
  const workers = bridge.pool.workers().map(({ pid }) => pid ?? 0);
  process.kill(before, "SIGKILL");
  for (const error of await Promise.all(calls)) {
    expect(error).toMatchObject({
      code: "WORKER_EXITED",
      outcome: "unknown",
      message: expect.stringContaining("its fork server was killed by SIGKILL"),
    });
  }
  await gone([before, ...workers]);
  expect(await bridge.execute("echo", { n: 1 })).toEqual({ n: 1 });
  expect(bridge.status().pools["default"]?.forkServer).not.toBe(before);
  expect(bridge.pool.stats().circuit).toBe("closed");
  expect(events).not.toContain("circuit-opened");
});

test("idle workers that go with their fork server do not make the pool degraded", async () => {
  const bridge = await testBridge({ python, minWorkers: 8, maxWorkers: 8 });
  let stopped = 0;
  bridge.pool.on("worker-stopped", () => void stopped++);
  for (let round = 1; round <= 3; round++) {
    const server = bridge.status().pools["default"]?.forkServer ?? 0;
    const workers = bridge.pool.workers().map(({ pid }) => pid ?? 0);
    process.kill(server, "SIGKILL");
    await gone([server, ...workers]);
    await expect.poll(() => stopped).toBe(8 * round);
    await expect.poll(() => bridge.pool.stats().workers.ready, { timeout: 20_000 }).toBe(8);
  }
  // A pool that is in trouble would refuse it.
  process.kill(bridge.status().pools["default"]?.forkServer ?? 0, "SIGKILL");
  await expect.poll(() => stopped).toBe(32);
  expect(await bridge.execute("echo", { n: 1 })).toEqual({ n: 1 });
});

test("a fork server that dies before it has forked fails no start: its successor is asked", async () => {
  const bridge = await testBridge({ python });
  const failures: unknown[] = [];
  bridge.pool.on("worker-start-failed", ({ error }) => failures.push(error));
  const server = bridge.status().pools["default"]?.forkServer ?? 0;
  process.kill(server, "SIGSTOP"); // so that it has been asked, and has not answered
  const resized = bridge.pool.resize({ minWorkers: 6, maxWorkers: 6 });
  await expect.poll(() => bridge.pool.stats().workers.starting).toBeGreaterThan(0);
  process.kill(server, "SIGKILL");
  await resized;
  await expect.poll(() => bridge.pool.stats().workers.ready, { timeout: 20_000 }).toBe(6);
  expect(failures).toEqual([]);
  expect(await bridge.execute("echo", { n: 1 })).toEqual({ n: 1 });
});

test("the last words of a worker are its own, not its neighbour's", async () => {
  const bridge = await testBridge({
    python: { ...python, concurrency: 1 },
    minWorkers: 2,
    maxWorkers: 2,
  });
  const one = bridge.session("one", { affinity: "require" });
  const two = bridge.session("two", { affinity: "require" });
  const say = (text: string) => ["sys.stderr.write", [`${text}\n`]] as const;
  const call = (session: typeof one, [path, args]: readonly [string, readonly string[]]) =>
    session.execute("python.call", { path, args, kwargs: {} });
  await Promise.all([call(one, say("this is one")), call(two, say("this is two"))]);
  const [died, other] = await Promise.all([one, two].map((it) => it.worker()?.pid));
  expect(died).not.toBe(other);
  const error = (await one.execute("e2e.segfault").catch((e: unknown) => e)) as {
    readonly details: { readonly stderr: string };
  };
  expect(error).toMatchObject({ details: { signal: "SIGSEGV" } });
  expect(error.details.stderr).toContain("this is one");
  expect(error.details.stderr).toContain("Segmentation fault");
  expect(error.details.stderr).not.toContain("this is two");
});

test("after a restart that failed the workers of before serve on, and come from where they came from", async () => {
  const folder = temporaryFolder();
  const module = `${folder}/changing.py`;
  writeFileSync(module, "");
  const bridge = await testBridge({
    minWorkers: 2,
    maxWorkers: 2,
    python: { preload: ["changing"], path: [folder] },
  });
  const server = bridge.status().pools["default"]?.forkServer;
  writeFileSync(module, "this is no Python");
  await expect(bridge.restart()).rejects.toThrow(
    /a module of python.preload could not be imported/,
  );
  const [one] = bridge.pool.workers();
  process.kill(one?.pid ?? 0, "SIGKILL");
  await until(() => !bridge.pool.workers().some(({ id }) => id === one?.id));
  await until(() => bridge.pool.workers().filter(({ state }) => state === "ready").length === 2);
  expect(bridge.status().pools["default"]?.forkServer).toBe(server);
  writeFileSync(module, "VALUE = 7");
  await bridge.restart();
  expect(bridge.status().pools["default"]?.forkServer).not.toBe(server);
  await until(() => bridge.pool.workers().filter(({ state }) => state === "ready").length === 2);
});

test.each(["fork", "spawn"] as const)(
  "a call that starts the pool is told what is wrong with its preload (%s)",
  async (startMethod) => {
    const options = { minWorkers: 0, python: { preload: ["no_such_module"], startMethod } };
    const bridge = await testBridge(options);
    const failed = new Promise<Error>((resolve) => {
      bridge.pool.on("worker-start-failed", ({ error }) => resolve(error));
    });
    const advice =
      /^\[(POOL_DEGRADED|WORKER_START_FAILED)\].*a module of python\.preload could not be imported: .*no_such_module.*; install it .*name the folder .* in python\.path$/;
    await expect(bridge.execute("echo", {})).rejects.toThrow(advice);
    expect((await failed).message).toMatch(advice);
  },
);
