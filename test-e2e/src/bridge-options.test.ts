/** What a pool takes reaches it through a bridge. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Logger, SessionMove } from "snakepit";
import { expect, test } from "vitest";
import { pythonFolder, temporaryFolder, testBridge } from "./workspace.ts";

const python = { preload: ["e2e_commands", "e2e_environment"], path: [pythonFolder] };

test("a session and its records outlive the worker and the bridge, in a store that the bridge is given", async () => {
  const store = `sqlite:${join(temporaryFolder(), "sessions.db")}`;
  const rehydrated: string[] = [];
  const rehydrate = async ({ session, reason }: SessionMove) => {
    rehydrated.push(reason);
    const values = (await session.records("values").get("kept"))?.value;
    await session.execute("env.rebuild", { values });
  };
  const bridge = await testBridge({ python, store, rehydrate });
  const session = bridge.session("ada", { metadata: { plan: "free" } });
  await session.execute("echo", {});
  await session.records("values").set("kept", ["one", "two"]);
  const pid = (await session.execute("e2e.pid")) as number;
  process.kill(pid, "SIGKILL");
  const rebuilt = await session.execute("env.rebuilt", {}, { idempotent: true });
  expect(rebuilt).toEqual(["one", "two"]);
  expect(await session.execute("e2e.pid")).not.toBe(pid);
  expect(rehydrated).toEqual(["moved"]);
  await bridge.close({ graceMs: 0 });

  const later = await testBridge({ python, store, rehydrate });
  expect(await later.sessions.get("ada")).toMatchObject({ metadata: { plan: "free" } });
  expect(await later.session("ada").execute("env.rebuilt")).toEqual(["one", "two"]);
  await later.sessions.delete("ada");
  expect(await later.sessions.exists("ada")).toBe(false);
});

test("a logger hears of the workers and of what Python has to say", async () => {
  const lines: string[] = [];
  const write = (...args: unknown[]) => void lines.push(args.map(String).join(" "));
  const logger: Logger = { debug: write, info: write, warn: write, error: write };
  const bridge = await testBridge({ logger, name: "main" });
  await bridge.execute("e2e.log", { message: "the disk is nearly full" });
  await expect.poll(() => lines.join("\n")).toContain("the disk is nearly full");
  expect(lines.join("\n")).toMatch(/ready with 1 worker/);
  expect(Object.keys(bridge.status().pools)).toEqual(["main"]);
});

test("without telemetry commands are not measured, and calls are counted all the same", async () => {
  const bridge = await testBridge({ telemetry: false });
  await bridge.execute("echo", {});
  expect(bridge.pool.stats()).toMatchObject({ succeeded: 1, commands: {} });
});

test("a preset sets the timeouts that belong together", async () => {
  const bridge = await testBridge({ preset: "strict", callTimeoutMs: 1_000, cancelGraceMs: 100 });
  const call = bridge.execute("e2e.sleep_async", { seconds: 60, mark: `${temporaryFolder()}/m` });
  await expect(call).rejects.toMatchObject({ code: "TIMEOUT", details: { timeoutMs: 1_000 } });
});

const cli = join(import.meta.dirname, "../../packages/snakepit/dist/cli.js");

test("the command snakepit sees the pool of a bridge, unless inspect is off", async () => {
  await testBridge({ name: "seen" });
  await testBridge({ name: "hidden", inspect: false });
  const args = [cli, "status", "--pid", String(process.pid)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toContain("seen");
  expect(stdout).not.toContain("hidden");
});

test("options that are undefined count as absent, of bridges, pools, sessions and calls", async () => {
  const bridge = await testBridge({
    python: { executable: undefined, env: undefined, seed: undefined, startMethod: undefined },
    transport: undefined,
    listen: undefined,
    store: undefined,
    callTimeoutMs: undefined,
    logger: undefined,
    pools: undefined,
  });
  const options = { signal: undefined, timeoutMs: undefined, affinity: undefined };
  expect(await bridge.execute<object>("echo", { a: 1 }, options)).toEqual({ a: 1 });
  const session = bridge.session(undefined, { affinity: undefined, ttlMs: undefined });
  expect(await session.execute("echo", { a: 2 }, options)).toEqual({ a: 2 });
  const kwargs = { indent: 1 };
  const dumped = await bridge.python.call<string>("json.dumps", [[]], { ...options, kwargs });
  expect(dumped).toBe("[]");

  const pools = { one: { callTimeoutMs: undefined, python: { threads: undefined } } };
  const several = await testBridge({ pools, name: undefined, maxWorkers: undefined });
  expect(await several.execute("echo", { a: 3 })).toEqual({ a: 3 });
});

test("a variable for the workers that is undefined counts as absent", async () => {
  const env = { E2E_GIVEN: "yes", E2E_ABSENT: undefined, OMP_NUM_THREADS: undefined };
  const bridge = await testBridge({ python: { ...python, env } });
  const names = ["E2E_GIVEN", "E2E_ABSENT", "OMP_NUM_THREADS"];
  const values = names.map((name) => bridge.execute("env.variable", { name }));
  expect(await Promise.all(values)).toEqual(["yes", null, "1"]);
});
