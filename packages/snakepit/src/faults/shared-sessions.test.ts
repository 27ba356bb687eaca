import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { createPool } from "../create-pool.ts";
import { nextEvent, recorded } from "../fixtures/events.ts";
import { fixture } from "../fixtures/processes.ts";
import { lacksRedis, startRedis } from "../fixtures/redis-server.ts";
import { redisStore } from "../store/redis/index.ts";
import { fakeAdapter } from "../testing/fake-adapter.ts";

/** Another application, which does one thing after the other. */
class Host implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  constructor(socket: string) {
    this.#process = spawn(process.execPath, [fixture("session-host.mjs"), socket], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async ask(task: string, args: object = {}): Promise<{ value?: unknown; code?: string }> {
    this.#process.stdin.write(`${JSON.stringify({ task, ...args })}\n`);
    const { value = "{}" } = await this.#answers.next();
    return JSON.parse(value);
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }

  /** Resolves with its exit code. */
  async end(): Promise<number | null> {
    const exited = once(this.#process, "exit");
    this.#process.stdin.end();
    return (await exited)[0];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

describe.skipIf(lacksRedis("sessions over Redis"))("sessions over Redis", () => {
  test("two host processes share one session, and it survives the death of either", async () => {
    await using server = await startRedis();
    await using first = new Host(server.socket);
    await using second = new Host(server.socket);
    expect(await first.ask("set", { name: "name", value: "Ada" })).toEqual({ value: 1 });
    expect(await second.ask("get", { name: "name" })).toMatchObject({ value: { value: "Ada" } });
    // Its worker knows nothing of the session, and is told before the call arrives.
    expect(await second.ask("call", { command: "recall" })).toEqual({ value: "Ada" });

    const visits = [first, second].map((host) => host.ask("visit", { times: 25 }));
    await Promise.all(visits);
    expect(await first.ask("info")).toMatchObject({ value: { metadata: { visits: 50 } } });

    await first.kill();
    expect(await second.ask("set", { name: "name", value: "Lovelace" })).toEqual({ value: 2 });
    await using third = new Host(server.socket);
    expect(await third.ask("call", { command: "recall" })).toEqual({ value: "Lovelace" });
    expect(await third.ask("delete")).toEqual({ value: null });
    expect(await second.ask("set", { name: "name", value: "late" })).toMatchObject({
      code: "SESSION_NOT_FOUND",
    });
    expect(await second.end()).toBe(0);
  });

  test("while the server is gone calls that need no store go on, and afterwards all of them", async () => {
    await using server = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
    await using store = await redisStore({ client: server.client, timeoutMs: 500 });
    await using pool = await createPool({ adapter: fakeAdapter(), store });
    const events = recorded(pool);
    const open = pool.session("ada");
    await open.execute("echo", 1);
    await open.records("variables").set("x", "kept");

    const unavailable = nextEvent(pool, "store-unavailable");
    await server.kill();
    await expect(pool.session("grace").execute("echo", 2)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      outcome: "not-started",
    });
    expect(await unavailable).toMatchObject({ store: "redis" });
    expect(await pool.execute("echo", 3)).toBe(3);
    expect(await open.execute("echo", 4)).toBe(4);
    await expect(open.records("variables").get("x")).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });

    const recovered = nextEvent(pool, "store-recovered");
    await server.start();
    await expect
      .poll(() => pool.session("grace").execute("echo", 5).catch(String), { timeout: 20_000 })
      .toBe(5);
    expect(await recovered).toMatchObject({ store: "redis" });
    expect(await open.records("variables").get("x")).toMatchObject({ value: "kept", version: 1 });
    expect(events.filter(({ name }) => name === "session-expired")).toEqual([]);
  });
});
