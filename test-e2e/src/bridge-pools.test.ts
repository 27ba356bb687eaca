/** Several pools behind one bridge, each with a Python of its own or one that it shares. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { createDspex } from "dspex";
import { mlPools } from "snakepit-grpc-bridge";
import { expect, onTestFinished, test } from "vitest";
import { makeCertificates } from "../../packages/grpc-bridge/src/fixtures/certificates.ts";
import {
  gone,
  isRunning,
  processesMarked,
  pythonFolder,
  temporaryFolder,
  testBridge,
} from "./workspace.ts";

const python = { preload: ["e2e_commands", "e2e_environment"], path: [pythonFolder] };

test("pools of the same environment share one fork server, others have their own", async () => {
  const bridge = await testBridge({
    python,
    pools: {
      one: {},
      // What concerns single workers makes no other environment.
      two: { python: { concurrency: 1, seed: 7 }, transport: "socket" },
      three: { python: { env: { COLOUR: "red" } } },
      four: { python: { threads: 2 } },
      five: { python: { preload: ["json.tool"] } },
    },
  });
  const names = ["one", "two", "three", "four", "five"];
  const parents = await Promise.all(
    names.map((name) => bridge.pools?.pool(name).execute("env.parent")),
  );
  expect(parents[1]).toBe(parents[0]);
  expect(new Set(parents).size).toBe(4);
  const { pools } = bridge.status();
  expect(names.map((name) => pools[name]?.forkServer)).toEqual(parents);
  const colours = names.map((name) =>
    bridge.pools?.pool(name).execute("env.variable", { name: "COLOUR" }),
  );
  expect(await Promise.all(colours)).toEqual([null, null, "red", null, null]);
});

test("a pool with another interpreter has a fork server of its own", async () => {
  const bridge = await testBridge({ python, pools: { one: {} } });
  const { executable = "" } = bridge.status().pools["one"] ?? {};
  // The same in truth: what counts is how it is called, which decides on the environment it finds.
  const other = join(dirname(executable), basename(executable) === "python" ? "python3" : "python");
  const two = await testBridge({
    python,
    pools: { one: {}, two: { python: { executable: other } } },
  });
  const servers = Object.values(two.status().pools).map(({ forkServer }) => forkServer);
  expect(new Set(servers).size).toBe(2);
  expect(await two.pools?.pool("two").execute("env.parent")).toBe(servers[1]);
});

test("pools with the same certificates share a fork server, and each listens for itself", async () => {
  const { ca, host, worker } = await makeCertificates(join(temporaryFolder(), "tls"));
  const bridge = await testBridge({
    python,
    transport: "grpc",
    listen: { host: "localhost", tls: { ca, ...host, worker } },
    pools: { one: {}, two: {}, near: { transport: "socket" } },
  });
  for (const name of ["one", "two", "near"])
    expect(await bridge.pools?.pool(name).execute("echo", { name })).toEqual({ name });
  const { one, two, near } = bridge.status().pools;
  expect(one?.address).toMatch(/^localhost:\d+$/);
  expect(two?.address).toMatch(/^localhost:\d+$/);
  expect(two?.address).not.toBe(one?.address);
  expect(near?.address).toMatch(/^unix:/);
  expect(two?.forkServer).toBe(one?.forkServer);
  expect(near?.forkServer).not.toBe(one?.forkServer); // its workers are told of no certificates
});

test("a restart while workers are still coming up fails none of them", async () => {
  const bridge = await testBridge({
    python,
    pools: { one: {}, two: { minWorkers: 0, python: { preload: ["numpy"], threads: 2 } } },
  });
  const failures: unknown[] = [];
  bridge.pools?.on("worker-start-failed", ({ error }) => failures.push(error));
  const call = bridge.pools?.pool("two").execute("echo", { n: 1 }); // its fork server now imports
  await bridge.restart();
  expect(await call).toEqual({ n: 1 });
  expect(failures).toEqual([]);
  expect(bridge.pools?.pool("two").workers()).toHaveLength(1);
});

test("a pool that is removed takes its fork server along, unless another uses it", async () => {
  const bridge = await testBridge({
    python,
    pools: { one: {}, two: {}, three: { python: { threads: 2 } } },
  });
  const { one, three } = bridge.status().pools;
  const servers = [one?.forkServer ?? 0, three?.forkServer ?? 0];
  await bridge.pools?.remove("three");
  await gone(servers.slice(1));
  await bridge.pools?.remove("two");
  expect(servers.filter(isRunning)).toEqual(servers.slice(0, 1));
  expect(Object.keys(bridge.status().pools)).toEqual(["one"]);
  expect(await bridge.execute("echo", { n: 1 })).toEqual({ n: 1 });
  await bridge.close();
  await gone(servers);
});

test("commands go where the pools say, sessions where they are bound", async () => {
  const bridge = await testBridge({
    python,
    pools: { first: {}, second: { commands: ["env.*"] } },
    route: (command) => (command === "env.draw" ? "first" : undefined),
  });
  await bridge.execute("echo", {});
  await bridge.execute("env.parent");
  await bridge.execute("env.draw");
  expect(await bridge.python.call("math.sqrt", [16])).toBe(4);
  expect(bridge.pools?.stats()).toMatchObject({
    first: { succeeded: 3 },
    second: { succeeded: 1 },
  });
  const session = bridge.session("ada", { pool: "second" });
  await session.execute("echo", {});
  expect(bridge.pools?.stats()["second"]).toMatchObject({ succeeded: 2 });
  expect(await bridge.sessions.get("ada")).toMatchObject({ pool: "second" });
  expect(bridge.pool).toBe(bridge.pools?.pool("first"));
});

test("the pools for machine learning start with what they need, and know their commands", async () => {
  const bridge = await testBridge({ python, pools: mlPools() });
  const { general, optimizer, neural } = bridge.status().pools;
  expect(general).toMatchObject({ stats: { workers: { ready: 1 } }, transport: "socket" });
  expect([optimizer, neural].map((pool) => pool?.workers)).toEqual([[], []]);
  await expect(bridge.execute("optimize_nothing")).rejects.toMatchObject({
    code: "UNKNOWN_COMMAND",
  });
  expect(bridge.status().pools["optimizer"]?.workers).toHaveLength(1);
});

test("a program with several pools that only awaits its calls ends by itself", async () => {
  const mark = `SNAKEPIT_E2E_MARK=${randomUUID()}`;
  const [name = "", value = ""] = mark.split("=");
  const script = join(import.meta.dirname, "../scripts/two-pools.mjs");
  const env = { ...process.env, [name]: value };
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env });
  expect(stdout.trim().split("\n")).toEqual(["4", "2"]);
  await gone(processesMarked(mark));
});

test("dspex runs on the pools for machine learning", async () => {
  const dspex = createDspex({ lm: "demo", pools: mlPools() });
  onTestFinished(() => dspex.close({ graceMs: 0 }));
  expect(await dspex.ask("What is 2 + 2?")).toContain("4");
});

test("a pool that cannot start is named, and nothing of the others is left", async () => {
  const started = testBridge({
    python,
    pools: { good: {}, bad: { python: { preload: ["no_such_module_anywhere"] } } },
  });
  await expect(started).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    details: { pool: "bad", exitCode: 3 },
    message: expect.stringMatching(
      /^\[WORKER_START_FAILED\] pool "bad": .*No module named 'no_such_module_anywhere'/,
    ),
  });
});

test("each pool tells of its own Python", async () => {
  const bridge = await testBridge({
    pools: { forked: {}, spawned: { transport: "grpc", python: { startMethod: "spawn" } } },
  });
  const { forked, spawned } = bridge.status().pools;
  expect(forked).toMatchObject({ transport: "socket", spawnReason: undefined });
  expect(forked?.workers).toHaveLength(1);
  expect(spawned).toMatchObject({
    transport: "grpc",
    forkServer: undefined,
    spawnReason: 'python.startMethod is "spawn"',
    versions: { python: expect.stringMatching(/^3\./) },
    executable: forked?.executable,
  });
});

test("a restart imports everything anew, without a call failing", async () => {
  const folder = temporaryFolder();
  const module = join(folder, "changing.py");
  const version = (number: number) =>
    `from snakepit_bridge import command\n\n@command("version")\ndef version() -> int:\n    return ${number}\n`;
  writeFileSync(module, version(1));
  // Python takes a file for unchanged whose size and second of change are the same.
  const env = { PYTHONDONTWRITEBYTECODE: "1" };
  const bridge = await testBridge({
    python: { preload: ["changing"], path: [folder], env },
    pools: { one: {}, two: {} },
  });
  const before = bridge.status().pools["one"]?.forkServer ?? 0;
  expect(await bridge.execute("version")).toBe(1);
  writeFileSync(module, version(2));
  const calls = Array.from({ length: 20 }, () => bridge.execute("sleep", { seconds: 0.02 }));
  const report = await bridge.restart();
  await Promise.all(calls);
  expect(report).toMatchObject({ replaced: [expect.any(String), expect.any(String)], left: [] });
  expect(await bridge.execute("version")).toBe(2);
  expect(await bridge.pools?.pool("two").execute("version")).toBe(2);
  const { one, two } = bridge.status().pools;
  expect(one?.forkServer).toBe(two?.forkServer);
  expect(one?.forkServer).not.toBe(before);
  await gone([before]);
});

test("a worker that a session holds on to survives a restart with its fork server, until it goes", async () => {
  const bridge = await testBridge({ python });
  const session = bridge.session("ada", { affinity: "require" });
  const server = (await session.execute("env.parent")) as number;
  const { left } = await bridge.restart();
  expect(left).toEqual([{ workerId: expect.any(String), reason: "pinned" }]);
  expect(await session.execute("env.parent")).toBe(server);
  await session.delete();
  await bridge.restart();
  await gone([server]);
});
