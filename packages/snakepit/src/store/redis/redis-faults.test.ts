import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SnakepitError } from "../../errors.ts";
import { caught } from "../../fixtures/caught.ts";
import { fixture } from "../../fixtures/processes.ts";
import { lacksRedis, type RedisServer, startRedis } from "../../fixtures/redis-server.ts";
import { storeContract } from "../../testing/index.ts";
import type { RecordChange, RecordHint, Store } from "../store.ts";
import { redisStore } from "./index.ts";
import { clientMaker } from "./load-ioredis.ts";
import { resolveRedisOptions } from "./options.ts";

/** For what happens soon, but not at once, however busy the machine is. */
const patiently = { timeout: 20_000 };

function set(name: string, value: string | Uint8Array, more: object = {}): RecordChange {
  return { kind: "set", namespace: "things", name, type: "thing", value, ...more };
}

async function read(store: Store, name: string) {
  return await store.get({ session: undefined, namespace: "things", name });
}

async function failureOf(work: () => unknown): Promise<SnakepitError<string>> {
  return await caught((async () => await work())());
}

/** A port of this machine that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

describe.skipIf(lacksRedis("faults of Redis"))("with a server of its own", () => {
  let server: RedisServer;
  let asked: Redis;
  beforeEach(async () => {
    server = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
    asked = new Redis({ path: server.socket });
    asked.on("error", () => {}); // it is there for what the tests do to the server
  });
  afterEach(async () => {
    asked.disconnect();
    await server[Symbol.asyncDispose]();
  });

  test("nothing that was acknowledged is lost when the server is killed under load", async () => {
    await using store = await redisStore({ client: server.client, timeoutMs: 500 });
    const acknowledged = new Map<string, number>();
    let isOver = false;
    let failures = 0;
    const writing = Array.from({ length: 16 }, async (_, n) => {
      const name = `n${n}`;
      for (let round = 1; !isOver; round++) {
        try {
          const value = n % 4 === 0 ? new Uint8Array(300_000).fill(round % 256) : `${round}`;
          const [version] = await store.write(undefined, [set(name, value)]);
          acknowledged.set(name, Number(version));
        } catch (error) {
          if (!SnakepitError.is(error, "STORE_UNAVAILABLE")) throw error;
          failures++;
          await delay(10);
        }
      }
    });
    const total = () => [...acknowledged.values()].reduce((sum, version) => sum + version, 0);
    for (let round = 0; round < 3; round++) {
      const goal = total() + 200;
      await expect.poll(total, patiently).toBeGreaterThan(goal);
      await server.kill();
      const before = new Map(acknowledged);
      await server.start();
      await using after = await redisStore({ client: server.client });
      for (const [name, version] of before) {
        expect((await read(after, name))?.version).toBeGreaterThanOrEqual(version);
      }
    }
    const goal = total() + 200;
    await expect.poll(total, patiently).toBeGreaterThan(goal);
    isOver = true;
    await Promise.all(writing);
    expect(failures).toBeGreaterThan(0);
    for (const [name, version] of acknowledged) {
      expect((await read(store, name))?.version).toBeGreaterThanOrEqual(version);
    }
  });

  test("calls fail in time while the server is away, soon at once, and go on when it is back", async () => {
    await using store = await redisStore({ client: server.client, timeoutMs: 1_000 });
    await store.write(undefined, [set("a", "1")]);
    await server.kill();
    const first = await failureOf(() => read(store, "a"));
    expect(first).toMatchObject({ code: "STORE_UNAVAILABLE", details: { store: "redis" } });
    await delay(1_000); // for as long as that, calls may wait for it

    const startMs = performance.now();
    for (let n = 0; n < 50; n++) await failureOf(() => read(store, "a"));
    expect(performance.now() - startMs).toBeLessThan(50_000);
    const write = await failureOf(() => store.write(undefined, [set("a", "2")]));
    expect(write.outcome).toBe("not-started");
    expect(write.message).toContain("Redis cannot be reached");

    await server.start();
    await expect
      .poll(async () => await read(store, "a").catch(() => "away"), patiently)
      .toMatchObject({ value: "1" });
    expect(await store.write(undefined, [set("a", "2")])).toEqual([2]);
  });

  test("a server that is slow is waited for no longer than the limit", async () => {
    await expectInTime(
      () => asked.call("CLIENT", "PAUSE", "600000", "WRITE"),
      () => asked.call("CLIENT", "UNPAUSE"),
    );
  });

  test("a server that is halted is waited for no longer than the limit", async () => {
    const pid = Number(/process_id:(\d+)/.exec(await asked.info("server"))?.[1]);
    await expectInTime(
      () => process.kill(pid, "SIGSTOP"),
      () => process.kill(pid, "SIGCONT"),
    );
  });

  async function expectInTime(halt: () => unknown, goOn: () => unknown): Promise<void> {
    await using store = await redisStore({ client: server.client, timeoutMs: 1_000 });
    const write = async (name: string) => await store.write(undefined, [set(name, "1")]);
    await write("a");
    await halt();
    try {
      const error = await failureOf(() => write("a"));
      expect(error).toMatchObject({ code: "STORE_UNAVAILABLE", outcome: "unknown" });
      expect(error.message).toContain("no answer within 1000 ms");
      const many = Array.from({ length: 20 }, () => failureOf(() => write("b")));
      for (const { code } of await Promise.all(many)) expect(code).toBe("STORE_UNAVAILABLE");
    } finally {
      await goOn();
    }
    const next = () => write("c").catch(() => "away");
    await expect.poll(next, patiently).toEqual([expect.any(Number)]);
  }

  test("a host that was blocked itself blames nobody", async () => {
    await using store = await redisStore({ client: server.client, timeoutMs: 1_000 });
    await store.write(undefined, [set("a", "1")]);
    const reading = read(store, "a");
    const endMs = performance.now() + 1_500;
    while (performance.now() < endMs);
    expect(await reading).toMatchObject({ value: "1" });
  });

  test("who watches hears of what has changed while the connection was lost", async () => {
    await using watcher = await redisStore({ client: server.client, timeoutMs: 1_000 });
    await using writer = await redisStore({ client: server.client });
    await writer.write(undefined, [set("kept", "1"), set("changed", "1"), set("deleted", "1")]);
    const hints: RecordHint[] = [];
    using _ = await watcher.watch(undefined, (hint) => hints.push(hint));
    // The new connection of the watcher has to wait until all is written.
    const kill = asked.call("CLIENT", "KILL", "TYPE", "pubsub");
    const changing = writer.write(undefined, [
      set("changed", "2"),
      set("new", "1"),
      { kind: "delete", namespace: "things", name: "deleted" },
    ]);
    await Promise.all([kill, changing]);
    await expect
      .poll(() => new Set(hints.map(({ name, isDeleted }) => `${name} ${isDeleted}`)), {
        timeout: 10_000,
      })
      .toEqual(new Set(["changed false", "new false", "deleted true"]));
    // And it hears on.
    await writer.write(undefined, [set("later", "1")]);
    await expect.poll(() => hints.at(-1)?.name, patiently).toBe("later");
  });

  test("who watches hears of what happened around a restart of the server", async () => {
    await using store = await redisStore({ client: server.client, timeoutMs: 500 });
    await store.write(undefined, [set("a", "1")]);
    const hints: RecordHint[] = [];
    using _ = await store.watch(undefined, (hint) => hints.push(hint));
    await server.kill();
    await server.start();
    await using other = await redisStore({ client: server.client });
    await other.write(undefined, [set("a", "2")]);
    await expect.poll(() => hints.at(-1), patiently).toMatchObject({ name: "a", version: 2 });
  });

  test("a server that has forgotten the scripts is told them again", async () => {
    await using store = await redisStore({ client: server.client });
    await store.write(undefined, [set("a", "1")]);
    await asked.call("SCRIPT", "FLUSH");
    expect(await store.write(undefined, [set("a", "2")])).toEqual([2]);
    expect(await store.countSessions()).toBe(0);
  });

  test("a server without memory refuses, and nothing of it is written", async () => {
    await using store = await redisStore({ client: server.client });
    await store.write(undefined, [set("a", "1")]);
    await asked.call("CONFIG", "SET", "maxmemory", "1");
    const error = await failureOf(() => store.write(undefined, [set("b", "1"), set("c", "1")]));
    expect(error.code).toBe("STORE_UNAVAILABLE");
    expect(error.message).toContain("raise maxmemory");
    await asked.call("CONFIG", "SET", "maxmemory", "0");
    expect(await store.list(undefined, "things")).toHaveLength(1);
  });

  test("an upload that was given up leaves nothing on the server", async () => {
    await using store = await redisStore({ client: server.client });
    const large = new Uint8Array(600_000);
    await store.write(undefined, [set("a", large)]);
    const error = await failureOf(() => store.write(undefined, [set("a", large, { expect: 7 })]));
    expect(error.code).toBe("VERSION_CONFLICT");
    expect(await asked.keys("*:p:*")).toHaveLength(1);
    await store.write(undefined, [{ kind: "delete", namespace: "things", name: "a" }]);
    expect(await asked.keys("*:p:*")).toEqual([]);
  });

  test("a session that has ended leaves nothing on the server, even if nobody sweeps", async () => {
    await using store = await redisStore({ client: server.client });
    await store.openSession("ada", { ttlMs: 300, data: "" });
    await store.write("ada", [set("a", "1"), set("b", new Uint8Array(600_000))]);
    const left = async () => (await asked.keys("*:[mvbp]:*")).length;
    expect(await left()).toBe(4);
    await expect.poll(left, patiently).toBe(0);
  });

  test("two host processes share one session", async () => {
    await using store = await redisStore({ client: server.client });
    await store.openSession("shared", { ttlMs: 3_600_000, data: "" });
    let heard = 0;
    using _ = await store.watch("shared", ({ version }) => {
      heard = Math.max(heard, version);
    });
    const run = () =>
      once(
        spawn(process.execPath, [fixture("store-user.mjs"), server.socket, "count", "50"], {
          stdio: ["ignore", "ignore", "inherit"],
        }),
        "exit",
      );
    const exits = await Promise.all([run(), run()]);
    expect(exits.map(([code]) => code)).toEqual([0, 0]);
    const record = await store.get({ session: "shared", namespace: "things", name: "counter" });
    expect(record).toMatchObject({ value: "100", version: 100 });
    await expect.poll(() => heard, patiently).toBe(100);
  });

  test("a program that closes nothing ends by itself", () => {
    const run = spawnSync(process.execPath, [fixture("store-user.mjs"), server.socket, "idle"], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(run).toMatchObject({ stdout: "done\n", stderr: "", status: 0 });
  });

  test("keys of a later version are refused, with both versions", async () => {
    await asked.set("{snakepit}:schema", "7");
    const error = await failureOf(() => redisStore({ client: server.client }));
    expect(error).toMatchObject({ code: "UNSUPPORTED", outcome: "not-started" });
    expect(error.message).toMatch(/schema 7, and this one knows 1/);
  });

  test("a wrong password is named as the cause, and never shown", async () => {
    await asked.call("CONFIG", "SET", "requirepass", "the-right-secret");
    const client = new Redis({
      path: server.socket,
      password: "hunter2-secret",
      lazyConnect: true,
    });
    const error = await failureOf(() => redisStore({ client, timeoutMs: 1_000 }));
    expect(error.code).toBe("STORE_UNAVAILABLE");
    expect(error.message).toContain("check the user and the password");
    const everything = inspect(error, { depth: 20, showHidden: true });
    expect(everything).not.toContain("secret");
  });
});

describe.skipIf(lacksRedis("Redis by TCP"))("by its url", () => {
  test("a store is opened with user, password and database", async () => {
    const port = await freePort();
    const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--requirepass", "secret"];
    await using _ = await startRedis(settings);
    const url = `redis://:secret@127.0.0.1:${port}/3`;
    await using store = await redisStore({ url });
    await store.write(undefined, [set("a", "1")]);
    await using same = await redisStore({ url });
    expect((await read(same, "a"))?.value).toBe("1");
    await using other = await redisStore({ url, prefix: "other" });
    expect(await read(other, "a")).toBeUndefined();
  });

  describe("a node of a cluster keeps the contract", async () => {
    const [port, busPort] = [await freePort(), await freePort()];
    let server: RedisServer | undefined;
    const open = async (prefix: string, limits: object) => {
      server ??= await startCluster(port, busPort);
      return await redisStore({ client: server.client, prefix, ...limits });
    };
    afterEach(async () => {
      await server?.[Symbol.asyncDispose]();
      server = undefined;
    });
    const cases = storeContract({ open, isShared: true, largeValues: false });
    const parts = [
      "two stores on one space",
      "sweep names each",
      "as a whole",
      "ends so long after",
    ];
    for (const { name, run } of cases) {
      if (parts.some((part) => name.includes(part))) test(name, run, 60_000);
    }
  });
});

async function startCluster(port: number, busPort: number): Promise<RedisServer> {
  const place = ["--port", `${port}`, "--cluster-port", `${busPort}`, "--bind", "127.0.0.1"];
  const server = await startRedis([...place, "--cluster-enabled", "yes"]);
  const admin = server.client.duplicate();
  await admin.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
  await expect.poll(() => admin.call("CLUSTER", "INFO"), patiently).toContain("state:ok");
  admin.disconnect();
  return server;
}

test("a server that is not there is named in time", async () => {
  const url = `redis://someone:hunter2-secret@127.0.0.1:${await freePort()}`;
  const error = await failureOf(() => redisStore({ url, timeoutMs: 500 }));
  expect(error).toMatchObject({ code: "STORE_UNAVAILABLE", outcome: "not-started" });
  expect(error.message).toContain("cannot connect to Redis");
  expect(inspect(error, { depth: 20, showHidden: true })).not.toContain("secret");
});

test("every wrong option is named, and no password shown", async () => {
  const open = (options: unknown) => failureOf(() => redisStore(options as never));
  const many = await open({ prefix: "a b", timeoutMs: 0, maxSessions: 0, ulr: "x" });
  expect(many.code).toBe("INVALID_OPTIONS");
  for (const part of [
    "either url or client",
    "prefix must",
    "timeoutMs",
    "maxSessions",
    "meant url?",
  ]) {
    expect(many.message).toContain(part);
  }
  expect((await open(undefined)).code).toBe("INVALID_OPTIONS");
  expect((await open({ client: {} })).message).toContain("client must be a Redis client");
  for (const url of ["http://:secret@host", "redis://:se%secret@[host", "secret", 7]) {
    const error = await open({ url });
    expect(error.code).toBe("INVALID_OPTIONS");
    expect(error.message).not.toContain("secret");
  }
});

test("without the client library the error says what to install", async () => {
  const options = resolveRedisOptions({ url: "redis://127.0.0.1" });
  const error = await failureOf(() =>
    clientMaker(options, () => Promise.reject(new Error("none"))),
  );
  expect(error).toMatchObject({ code: "UNSUPPORTED", outcome: "not-started" });
  expect(error.message).toContain("npm install ioredis");
});
