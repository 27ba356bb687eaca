import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { SnakepitError } from "../../errors.ts";
import { caught } from "../../fixtures/caught.ts";
import { fixture } from "../../fixtures/processes.ts";
import { scratch } from "../../fixtures/scratch.ts";
import { smallDisk } from "../../fixtures/small-disk.ts";
import type { RecordChange, Store } from "../store.ts";
import { sqliteStore } from "./index.ts";

/** For what happens soon, but not at once, however busy the machine is. */
const patiently = { timeout: 20_000 };

let folder: ReturnType<typeof scratch>;
let path: string;
beforeEach(() => {
  folder = scratch();
  path = folder.file("store.db");
});
afterEach(() => folder[Symbol.dispose]());

function set(name: string, value: string | Uint8Array, more: object = {}): RecordChange {
  return { kind: "set", namespace: "things", name, type: "thing", value, ...more };
}

async function read(store: Store, name: string) {
  return await store.get({ session: undefined, namespace: "things", name });
}

async function failureOf(work: () => unknown): Promise<SnakepitError<string>> {
  return await caught((async () => await work())());
}

describe("a full disk", () => {
  test("refuses what has no room as a whole, and all that was acknowledged can be read", async (context) => {
    using disk = smallDisk(folder.file("disk"), "1m");
    if (disk === undefined) return context.skip();
    await using store = await sqliteStore({ path: join(disk.path, "store.db") });
    const kept: string[] = [];
    const write = async (n: number) => {
      await store.write(undefined, [set(`a${n}`, "x".repeat(5_000)), set(`b${n}`, `${n}`)]);
      kept.push(`${n}`);
    };
    const error = await failureOf(async () => {
      for (let n = 0; ; n++) await write(n);
    });
    expect(error).toMatchObject({ code: "STORE_UNAVAILABLE", details: { store: "sqlite" } });
    expect(error.message).toMatch(/the disk of .*store\.db is full/);
    expect(kept.length).toBeGreaterThan(20);

    const large = await failureOf(() =>
      store.write(undefined, [set("l", new Uint8Array(900_000))]),
    );
    expect(large.code).toBe("STORE_UNAVAILABLE");
    const session = await failureOf(() => {
      return store.openSession("ada", { ttlMs: 1_000, data: "x".repeat(200_000) });
    });
    expect(session.code).toBe("STORE_UNAVAILABLE");
    for (const n of kept) expect((await read(store, `b${n}`))?.value).toBe(n);
    expect(await store.list(undefined, "things")).toHaveLength(2 * kept.length);
    expect(await store.countSessions()).toBe(0);
  });
});

test("a disk that others have filled is written again as soon as there is room", async (context) => {
  using disk = smallDisk(folder.file("disk"), "1m");
  if (disk === undefined) return context.skip();
  await using store = await sqliteStore({ path: join(disk.path, "store.db") });
  await store.write(undefined, [set("a", "1")]);
  disk.fill();
  const error = await failureOf(async () => {
    for (let n = 0; ; n++) await store.write(undefined, [set(`n${n}`, "x".repeat(5_000))]);
  });
  expect(error.code).toBe("STORE_UNAVAILABLE");
  expect((await read(store, "a"))?.value).toBe("1");
  disk.empty();
  await store.write(undefined, [set("after", new Uint8Array(300_000))]);
  expect((await read(store, "after"))?.bytes).toBe(300_000);
});

describe("a host that is killed", () => {
  test("leaves no half value, and nothing of it stays in the file", async () => {
    await sqliteStore({ path }).then((store) => store.close());
    for (let round = 0; round < 3; round++) {
      const acknowledged = await killWhileWriting(round + 1);
      const later = { wall: () => Date.now() + 120_000, steady: () => performance.now() };
      await using store = await sqliteStore({ path, clock: later });
      const record = await store.get({ session: "shared", namespace: "things", name: "large" });
      const bytes = record?.value as Uint8Array;
      expect(bytes).toHaveLength(4_000_000);
      expect(new Set(bytes).size).toBe(1);
      expect(record?.version).toBeGreaterThanOrEqual(acknowledged);
      await expect.poll(() => countOf("SELECT count(*) FROM blobs"), patiently).toBe(1);
      expect(countOf("SELECT count(*) FROM parts")).toBe(16);
    }
  });

  async function killWhileWriting(afterWrites: number): Promise<number> {
    const child = spawn(process.execPath, [fixture("store-user.mjs"), path, "large"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let acknowledged = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      if (acknowledged >= afterWrites) break;
    }
    // Somewhere in the middle of the next one.
    child.kill("SIGKILL");
    await once(child, "exit");
    return acknowledged;
  }

  function countOf(sql: string): number {
    using database = new DatabaseSync(path, { readOnly: true });
    return Number(Object.values(database.prepare(sql).get() ?? {})[0]);
  }
});

describe("two processes on one file", () => {
  test("count together without losing a step, and one hears of the other", async () => {
    await using store = await sqliteStore({ path, pollMs: 5 });
    await store.openSession("shared", { ttlMs: 3_600_000, data: "" });
    let heard = 0;
    using _ = await store.watch("shared", ({ version }) => {
      heard = Math.max(heard, version);
    });
    const run = () =>
      once(
        spawn(process.execPath, [fixture("store-user.mjs"), path, "count", "100"], {
          stdio: ["ignore", "ignore", "inherit"],
        }),
        "exit",
      );
    const exits = await Promise.all([run(), run(), run()]);
    expect(exits.map(([code]) => code)).toEqual([0, 0, 0]);
    const record = await store.get({ session: "shared", namespace: "things", name: "counter" });
    expect(record).toMatchObject({ value: "300", version: 300 });
    await expect.poll(() => heard, patiently).toBe(300);
  });

  test("one that keeps the file locked stops neither reading nor the event loop", async () => {
    await using store = await sqliteStore({ path, timeoutMs: 300 });
    await store.write(undefined, [set("a", "1")]);
    using other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    const error = await failureOf(() => store.write(undefined, [set("a", "2"), set("b", "1")]));
    clearInterval(ticking);
    expect(error.code).toBe("STORE_UNAVAILABLE");
    expect(error.message).toMatch(/kept .*store\.db locked for 300 ms/);
    expect(turns).toBeGreaterThan(3);
    expect((await read(store, "a"))?.value).toBe("1");

    const writing = store.write(undefined, [set("a", "2")]);
    other.exec("COMMIT");
    expect(await writing).toEqual([2]);
  });
});

test("a program that closes nothing ends by itself", () => {
  const run = spawnSync(process.execPath, [fixture("store-user.mjs"), path, "idle"], {
    encoding: "utf8",
    timeout: 20_000,
  });
  expect(run).toMatchObject({ stdout: "done\n", stderr: "", status: 0 });
});

test("a write of 64 MiB lets the event loop turn hundreds of times", async () => {
  await using store = await sqliteStore({ path });
  let turns = 0;
  let isWriting = true;
  const turn = () => {
    turns++;
    if (isWriting) setImmediate(turn);
  };
  turn();
  await store.write(undefined, [set("a", new Uint8Array(64 * 1024 * 1024))]);
  isWriting = false;
  expect(turns).toBeGreaterThan(200);
});

describe("a clock that jumps", () => {
  function jumpingClock() {
    const clock = {
      wallMs: 1_800_000_000_000,
      steadyMs: 5,
      wall: () => clock.wallMs,
      steady: () => clock.steadyMs,
      pass(ms: number) {
        clock.wallMs += ms;
        clock.steadyMs += ms;
      },
    };
    return clock;
  }
  const hourMs = 3_600_000;

  test("back lets nothing that has expired be read again, and no version come again", async () => {
    const clock = jumpingClock();
    await using store = await sqliteStore({ path, clock });
    await store.openSession("ada", { ttlMs: 1_000, data: "" });
    await store.write(undefined, [set("brief", "1", { ttlMs: 1_000 }), set("lasting", "1")]);
    clock.pass(1_500);
    clock.wallMs -= hourMs;
    expect(await store.getSession("ada")).toBeUndefined();
    expect(await read(store, "brief")).toBeUndefined();
    expect(await store.write(undefined, [set("lasting", "2"), set("brief", "2")])).toEqual([2, 2]);

    // And time goes on.
    const { session } = await store.openSession("bob", { ttlMs: 1_000, data: "" });
    expect(session.createdAtMs).toBeGreaterThan(clock.wallMs);
    clock.pass(500);
    expect(await store.getSession("bob")).toBeDefined();
    clock.pass(600);
    expect(await store.getSession("bob")).toBeUndefined();
  });

  test("back is no reason for the next run to begin before the last one", async () => {
    const clock = jumpingClock();
    const first = await sqliteStore({ path, clock });
    const { session } = await first.openSession("ada", { ttlMs: hourMs, data: "" });
    await first.close();
    clock.wallMs -= 2 * hourMs;
    await using second = await sqliteStore({ path, clock });
    const bob = await second.openSession("bob", { ttlMs: hourMs, data: "" });
    expect(bob.session.createdAtMs).toBeGreaterThanOrEqual(session.createdAtMs);
    clock.pass(hourMs + 2_000);
    expect(await second.sweep()).toEqual(["ada", "bob"]);
  });

  test("forward ends what ends by that time", async () => {
    const clock = jumpingClock();
    await using store = await sqliteStore({ path, clock });
    await store.openSession("ada", { ttlMs: hourMs, data: "" });
    clock.wallMs += 2 * hourMs;
    expect(await store.getSession("ada")).toBeUndefined();
    expect(await store.sweep()).toEqual(["ada"]);
  });
});

describe("a file that is not as it should be", () => {
  test("is named, with advice, when it is no database", async () => {
    writeFileSync(path, "this is no database, whatever its name says".repeat(100), { mode: 0o600 });
    const error = await failureOf(() => sqliteStore({ path }));
    expect(error.code).toBe("STORE_UNAVAILABLE");
    expect(error.message).toContain(`${path} is damaged, or no database; move it away`);
  });

  test("is named, with advice, when it is damaged inside", async () => {
    const store = await sqliteStore({ path });
    for (let n = 0; n < 200; n++) await store.write(undefined, [set(`n${n}`, "x".repeat(1_000))]);
    await store.close();
    const file = readFileSync(path);
    writeFileSync(path, file.fill(0xa5, 4_096 * 12));
    await using damaged = await sqliteStore({ path });
    const error = await failureOf(async () => {
      for (let n = 0; n < 200; n++) await read(damaged, `n${n}`);
    });
    expect(error).toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(error.message).toContain("is damaged");
  });

  test("is refused when a later version has written it, with both versions", async () => {
    await sqliteStore({ path }).then((store) => store.close());
    using database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 7");
    const error = await failureOf(() => sqliteStore({ path }));
    expect(error).toMatchObject({ code: "UNSUPPORTED", outcome: "not-started" });
    expect(error.message).toMatch(/schema 7, and this one knows 1/);
  });

  test("is refused when it belongs to another program", async () => {
    using database = new DatabaseSync(path);
    database.exec("CREATE TABLE theirs (a)");
    chmodSync(path, 0o600);
    const error = await failureOf(() => sqliteStore({ path }));
    expect(error.code).toBe("INVALID_OPTIONS");
    expect(error.message).toContain("the database of another program");
    expect(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()).toEqual({ n: 1 });
  });
});

describe("nobody else", () => {
  test("can open the file or what lies beside it", async () => {
    await using store = await sqliteStore({ path: folder.file("new/store.db") });
    await store.write(undefined, [set("a", "1")]);
    for (const suffix of ["", "-wal", "-shm"]) {
      expect(statSync(folder.file(`new/store.db${suffix}`)).mode & 0o777).toBe(0o600);
    }
    expect(statSync(folder.file("new")).mode & 0o777).toBe(0o700);
  });

  test("may be able to open a file that is there, or to replace it", async () => {
    writeFileSync(path, "", { mode: 0o644 });
    const open = await failureOf(() => sqliteStore({ path }));
    expect(open.code).toBe("INVALID_OPTIONS");
    expect(open.message).toContain("(mode 644); chmod 600 it");

    mkdirSync(folder.file("public"));
    chmodSync(folder.file("public"), 0o777);
    const replaceable = await failureOf(() => sqliteStore({ path: folder.file("public/a.db") }));
    expect(replaceable.code).toBe("INVALID_OPTIONS");
    expect(replaceable.message).toContain("everybody can replace the files of");
    expect(existsSync(folder.file("public/a.db"))).toBe(false);
  });
});

test("every wrong option is named", async () => {
  const open = (options: unknown) => failureOf(() => sqliteStore(options as never));
  const many = await open({ durability: "high", timeoutMs: -1, maxRecords: 0, pth: "a" });
  expect(many.code).toBe("INVALID_OPTIONS");
  for (const part of [
    "path must be",
    "durability must be",
    "timeoutMs",
    "maxRecords",
    "meant path?",
  ]) {
    expect(many.message).toContain(part);
  }
  expect((await open(undefined)).code).toBe("INVALID_OPTIONS");
  expect((await open({ path: ":memory:" })).message).toContain("use memoryStore()");
  expect((await open({ path: "file:a" })).message).toContain("not a file: URL");
  expect((await open({ path: "a\0b" })).message).toContain("NUL");
  const folderPath = await open({ path: folder.file(".") });
  expect(folderPath.message).toContain("is not a file");
});

test("an older Node is told which one it takes", async () => {
  using _ = vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
  const error = await failureOf(() => sqliteStore({ path }));
  expect(error).toMatchObject({ code: "UNSUPPORTED", outcome: "not-started" });
  expect(error.message).toMatch(/needs Node 22.13 or later.* "memory:" .* or "redis:\/\/…"/);
  expect(existsSync(path)).toBe(false);
});
