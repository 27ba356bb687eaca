import { spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Adapter, Connection } from "./adapter.ts";
import { createPool } from "./create-pool.ts";
import { SnakepitError } from "./errors.ts";
import { eventNames, type PublishedEvent } from "./events.ts";
import { nextEvent, recorded } from "./fixtures/events.ts";
import { failingStore } from "./fixtures/failing-store.ts";
import { gate } from "./fixtures/gate.ts";
import { fixture, isRunning, untilGone } from "./fixtures/processes.ts";
import { failure } from "./fixtures/real-pools.ts";
import { scratch } from "./fixtures/scratch.ts";
import { smallPool, stuckOnce } from "./fixtures/small-pool.ts";
import { until } from "./fixtures/until.ts";
import { procTable } from "./local/proc-table.ts";
import { runLine, workerLine } from "./local/run-file.ts";
import { processAdapter } from "./process/index.ts";
import { memoryStore } from "./store/memory-store.ts";
import { fakeAdapter } from "./testing/fake-adapter.ts";
import { fakeClock } from "./testing/fake-clock.ts";

/** Everything that any pool of this file has reported; the last test looks whether all was there. */
const published: PublishedEvent[] = [];
const keep = (message: unknown) => void published.push(message as PublishedEvent);
beforeAll(() => {
  for (const name of eventNames) subscribe(`snakepit:${name}`, keep);
});
afterAll(() => {
  for (const name of eventNames) unsubscribe(`snakepit:${name}`, keep);
});

describe("of a pool", () => {
  test("its readiness, its sizes and its end are told", async () => {
    const before = published.length;
    const { pool } = await smallPool({ options: { maxWorkers: 3 } });
    await pool.resize({ minWorkers: 2 });
    await pool.close();
    const own = published.slice(before).filter(({ name }) => name.startsWith("pool-"));
    const { pool: name } = own[0] ?? { pool: "" };
    expect(name).toMatch(/^pool-\d+$/);
    expect(own).toEqual([
      { name: "pool-ready", workers: 1, startMs: expect.any(Number), pool: name },
      { name: "pool-resized", minWorkers: 2, maxWorkers: 3, pool: name },
      { name: "pool-closed", pool: name },
    ]);
  });

  test("a full queue is told once, and again when it had room in between", async () => {
    const held = gate();
    const handlers = { held: held.handler };
    await using one = await smallPool({ handlers, options: { maxQueue: 1 } });
    const told = () => one.events.filter(({ name }) => name === "pool-saturated");
    const calls = [one.pool.execute("held"), one.pool.execute("held")];
    await Promise.all([1, 2, 3].map(() => failure(one.pool.execute("held"))));
    expect(told()).toEqual([
      { name: "pool-saturated", queued: 1, maxQueue: 1, retryAfterMs: expect.any(Number) },
    ]);
    held.open();
    await calls[0];
    calls.push(one.pool.execute("held"));
    await failure(one.pool.execute("held"));
    expect(told()).toHaveLength(2);
    expect(one.pool.stats().saturationRejections).toBe(4);
    await one.adapter.received("held", 2);
    held.open();
    await one.adapter.received("held", 3);
    held.open();
    await Promise.all(calls);
  });

  test("workers that die as they start degrade it until one serves, as is told", async () => {
    const clock = fakeClock();
    let isBroken = false;
    const onStart = () => {
      if (isBroken) throw new Error("no licence");
    };
    await using one = await smallPool({ onStart, options: { clock } });
    const names = () => one.events.map(({ name }) => name);
    isBroken = true;
    for (const id of one.adapter.workerIds()) one.adapter.kill(id);
    for (let n = 0; n < 30 && !names().includes("pool-degraded"); n++) await clock.advance(300);
    expect(names()).toContain("pool-degraded");
    isBroken = false;
    await clock.advance(20_000);
    await one.pool.execute("echo");
    expect(names().filter((name) => name === "pool-recovered")).toHaveLength(1);
  });

  test("the circuit that deadly calls open is told, and that a probe closes it", async () => {
    const clock = fakeClock();
    let deadly = true;
    const handlers = { die: () => (deadly ? new Promise(() => {}) : "alive") };
    await using one = await smallPool({ handlers, options: { clock, circuit: { minCalls: 4 } } });
    for (let n = 1; n <= 2; n++) {
      await one.pool.execute("echo");
      const call = failure(one.pool.execute("die"));
      await one.adapter.received("die", n);
      for (const id of one.adapter.workerIds())
        one.adapter.kill(id, { kind: "signaled", signal: "SIGSEGV" });
      await call;
      await until(() => one.pool.stats().workers.ready === 1);
    }
    await until(() => one.pool.stats().circuit === "open");
    deadly = false;
    await clock.advance(10_000);
    await one.pool.execute("die");
    const names = one.events.map(({ name }) => name).filter((name) => name.startsWith("circuit"));
    expect(names).toEqual(["circuit-opened", "circuit-closed"]);
  });

  test.skipIf(!existsSync("/proc/self/environ"))(
    "what a dead host has left behind is told when it is ended",
    async () => {
      using directory = scratch();
      const state = directory.file("state");
      mkdirSync(join(state, "snakepit"), { recursive: true, mode: 0o700 });
      const before = process.env["XDG_STATE_HOME"];
      process.env["XDG_STATE_HOME"] = state;
      onTestFinished(() => {
        if (before === undefined) delete process.env["XDG_STATE_HOME"];
        else process.env["XDG_STATE_HOME"] = before;
      });
      const orphan = await orphanIn(join(state, "snakepit"));
      const seen = published.length;
      const adapter = processAdapter({
        program: "sh",
        args: [fixture("light-worker.sh")],
        protocol: "json-lines",
      });
      await using pool = await createPool({ adapter, maxWorkers: 1 });
      const own = () => published.slice(seen).filter(({ name }) => name === "orphans-ended");
      await until(() => own().length > 0);
      expect(own()).toMatchObject([{ pids: [orphan] }]);
      await untilGone([orphan]);
      await pool.close();
    },
  );
});

/** A worker whose host has gone without a word, as its run file tells. */
async function orphanIn(directory: string): Promise<number> {
  const host = spawn("true", { stdio: "ignore" });
  await once(host, "exit");
  const runId = "00000000-0000-4000-8000-000000000001";
  const env = { SNAKEPIT_RUN: runId };
  const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore", env });
  await once(child, "spawn");
  const pid = child.pid ?? 0;
  onTestFinished(() => {
    if (isRunning(pid)) child.kill("SIGKILL");
  });
  const run = {
    ...(await procTable.machine()),
    runId,
    ownerPid: host.pid ?? 0,
    ownerStartedAt: "1",
  };
  const worker = { pid, startedAt: (await procTable.startedAt(pid)) ?? "" };
  writeFileSync(join(directory, `${runId}.run`), runLine(run) + workerLine(worker));
  return pid;
}

describe("of a worker", () => {
  test("its start, its withdrawal and its end are told", async () => {
    await using one = await smallPool({ options: { maxWorkers: 2 } });
    const [old] = one.adapter.workerIds();
    await one.pool.restart();
    const [young] = one.adapter.workerIds();
    const own = one.events.filter(({ name }) => name.startsWith("worker-"));
    expect(own).toMatchObject([
      { name: "worker-starting", workerId: young },
      { name: "worker-ready", workerId: young },
      { name: "worker-draining", workerId: old, reason: "restart" },
      { name: "worker-stopped", workerId: old, reason: "restart", cause: "stopped" },
    ]);
  });

  test("a start that fails is told, with why", async () => {
    let starts = 0;
    await using one = await smallPool({
      onStart: () => {
        if (++starts > 1) throw new Error("no GPU is left");
      },
    });
    const failed = nextEvent(one.pool, "worker-start-failed");
    void one.pool.resize({ minWorkers: 2, maxWorkers: 2 });
    expect((await failed).error.message).toContain("no GPU is left");
  });

  test("its silence is told, and that it is heard again", async () => {
    const clock = fakeClock();
    const silent = gate();
    const onPing = () => silent.handler(0, undefined as never, "") as Promise<void>;
    await using one = await smallPool({ onPing, options: { clock } });
    await clock.advance(11_000);
    silent.open();
    await clock.advance(2_000);
    expect(one.events.map(({ name }) => name)).toEqual(["worker-suspect", "worker-recovered"]);
  });

  test("what it logs and measures is told", async () => {
    const adapter = talkative();
    await using pool = await createPool({ adapter, maxWorkers: 1 });
    const events = recorded(pool);
    await pool.execute("talk");
    expect(events.filter(({ name }) => name.startsWith("worker-"))).toMatchObject([
      { name: "worker-log", level: "warning", message: "nearly full" },
      { name: "worker-telemetry", event: "model.loaded", measurements: { seconds: 2 } },
    ]);
  });

  test("a call that ignores its cancel is told, one that is tried again, and a session's loss", async () => {
    await using one = await smallPool({
      confirmCancelAfterMs: Number.POSITIVE_INFINITY,
      handlers: { again: stuckOnce() },
      options: { cancelGraceMs: 10 },
    });
    const session = one.pool.session("pinned");
    await session.execute("echo", 0, { affinity: "require" });
    const abandoned = nextEvent(one.pool, "call-abandoned");
    const stopped = nextEvent(one.pool, "worker-stopped");
    await failure(one.pool.execute("slow", 0, { timeoutMs: 10 }));
    expect(await abandoned).toMatchObject({ command: "slow" });
    await stopped;
    expect(one.events.filter(({ name }) => name === "session-lost")).toHaveLength(1);
    const call = one.pool.execute("again", 0, { idempotent: true });
    await one.adapter.received("again");
    for (const id of one.adapter.workerIds()) one.adapter.kill(id);
    await call;
    expect(one.events.filter(({ name }) => name === "call-retried")).toMatchObject([
      { command: "again", attempt: 2, delayMs: expect.any(Number) },
    ]);
  });
});

describe("of sessions and their store", () => {
  test("what becomes of a session is told", async () => {
    const clock = fakeClock();
    await using store = memoryStore({ clock, maxSessions: 4 });
    await store.openSession("known", { ttlMs: 60_000, data: "{}" });
    await using one = await smallPool({ options: { clock, store } });
    const told = () => one.events.filter(({ name }) => name.startsWith("session-"));
    await one.pool.session("known").execute("echo");
    await one.pool.session("new").execute("echo");
    await one.pool.sessions.create("made");
    await one.pool.sessions.delete("made");
    await one.pool.session("last").execute("echo");
    await one.pool.session().execute("echo");
    const stopped = nextEvent(one.pool, "worker-stopped");
    for (const id of one.adapter.workerIds()) one.adapter.kill(id);
    await stopped;
    await one.pool.session("new").execute("echo");
    await one.pool.session("new").delete();
    await clock.advance(61_000);
    expect(told()).toEqual([
      { name: "session-resumed", sessionId: "known" },
      { name: "session-created", sessionId: "new" },
      { name: "session-created", sessionId: "made" },
      { name: "session-deleted", sessionId: "made" },
      { name: "session-created", sessionId: "last" },
      { name: "session-created", sessionId: expect.stringMatching(/^temp_/) },
      { name: "session-quota-warning", sessions: 4, maxSessions: 4 },
      { name: "session-moved", sessionId: "new", from: expect.any(String), to: expect.any(String) },
      { name: "session-deleted", sessionId: "new" },
      { name: "session-expired", sessionId: "known" },
    ]);
  });

  test("a store that does not answer is told once, and so is its return", async () => {
    const { store, fail, answer } = failingStore();
    await using one = await smallPool({ options: { store } });
    fail();
    await failure(one.pool.session("ada").execute("echo"));
    await failure(one.pool.session("ada").execute("echo"));
    answer();
    expect(await one.pool.session("ada").execute("echo", 1)).toBe(1);
    expect(one.events.filter(({ name }) => name.startsWith("store-"))).toEqual([
      { name: "store-unavailable", store: "memory", error: expect.any(SnakepitError) },
      { name: "store-recovered", store: "memory" },
    ]);
  });
});

/** A worker that logs and measures something at each call. */
function talkative(): Adapter {
  const fake = fakeAdapter();
  return {
    ...fake,
    name: "talkative",
    launcher: fake.launcher,
    spec: () => fake.spec(),
    connect: async (process, options): Promise<Connection> => {
      const connection = await fake.connect(process, options);
      return {
        capabilities: connection.capabilities,
        ping: (context) => connection.ping(context),
        async execute() {
          options.log("warning", "nearly full");
          options.telemetry({ event: "model.loaded", measurements: { seconds: 2 }, metadata: {} });
        },
        [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
      };
    },
  };
}

describe("the table of events", () => {
  const source = dirname(fileURLToPath(import.meta.url));
  const page = readFileSync(join(source, "../../../docs/events.md"), "utf8");
  const rows = page.split("\n").flatMap((line) => {
    const cells = line.split("|").map((cell) => cell.trim().replaceAll("`", ""));
    const [, name = "", when = "", fields = "", where = ""] = cells;
    return /^[a-z]+(-[a-z]+)+$/.test(name) ? [{ name, when, fields, where }] : [];
  });

  test("has every event of the union, once, and no other", () => {
    expect(rows.map(({ name }) => name).sort()).toEqual([...eventNames].sort());
    const union =
      readFileSync(join(source, "events.ts"), "utf8").split("const eventNames")[0] ?? "";
    const declared = [...union.matchAll(/readonly name: "([a-z-]+)"/g)].map(([, name]) => name);
    expect(declared.sort()).toEqual([...eventNames].sort());
  });

  test.each(rows)("names the files that emit $name", ({ name, where }) => {
    for (const file of where.split(", "))
      expect(readFileSync(join(source, file), "utf8")).toMatch(new RegExp(`name.*"${name}"`));
  });

  test("has nothing that this file has not seen happen", () => {
    const seen = new Set(published.map(({ name }) => name));
    expect(eventNames.filter((name) => !seen.has(name))).toEqual([]);
  });

  test("tells the fields that events really have", () => {
    for (const { name, fields } of rows) {
      const event = published.find((one) => one.name === name);
      if (event === undefined) continue; // the test above says so
      const told = fields === "" ? [] : fields.split(",").map((field) => field.trim());
      const { name: _, pool: __, ...own } = event;
      expect({ name, fields: told.sort() }).toEqual({ name, fields: Object.keys(own).sort() });
    }
  });
});
