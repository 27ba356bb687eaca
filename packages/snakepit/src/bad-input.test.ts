import { describe, expect, test } from "vitest";
import { createPool } from "./create-pool.ts";
import { createPools } from "./create-pools.ts";
import { failure, faultyPool } from "./fixtures/real-pools.ts";
import type { CallOptions } from "./pool.ts";
import { nodeAdapter, processAdapter } from "./process/index.ts";
import { fakeAdapter } from "./testing/fake-adapter.ts";

/** What people get wrong, and that they hear of it before anything has started. */

const refused = (code: string, text: string | RegExp) => ({
  code,
  outcome: "not-started",
  retryable: true,
  message: typeof text === "string" ? expect.stringContaining(text) : expect.stringMatching(text),
});

describe("createPool refuses", () => {
  test.each([
    [{ minWorkers: 5, maxWorkers: 2 }, "minWorkers (5) is above maxWorkers (2)"],
    [{ maxWorkers: 0 }, "maxWorkers must be an integer of at least 1, not 0"],
    [{ minWorkers: -1 }, "minWorkers must be an integer of at least 0, not -1"],
    [{ maxQueue: Number.NaN }, "maxQueue must be an integer of at least 0, not NaN"],
    [{ maxWorkers: 2.5 }, "maxWorkers must be an integer of at least 1, not 2.5"],
    [{ maxWorkers: Infinity }, "maxWorkers must be an integer of at least 1, not Infinity"],
    [{ maxWorkers: "4" }, 'maxWorkers must be an integer of at least 1, not "4"'],
    [{ maxWorkers: null }, "maxWorkers must be an integer of at least 1, not null"],
    [{ callTimeoutMs: 0 }, "callTimeoutMs is 0, not a positive number of milliseconds"],
    [{ callTimeoutMs: -5 }, "callTimeoutMs is -5, not a positive number of milliseconds"],
    [{ callTimeoutMs: "30s" }, 'callTimeoutMs is "30s", not a positive number of milliseconds'],
    [{ chunkTimeoutMs: Number.NaN }, "chunkTimeoutMs is NaN, not a positive number of millisec"],
    [{ stopGraceMs: "2s" }, 'stopGraceMs must be an integer of at least 0 or Infinity, not "2s"'],
    [{ memoryBytes: "512MB" }, 'memoryBytes must be an integer of at least 1 or Infinity, not "5'],
    [
      { queueTimeoutMs: "5s" },
      'queueTimeoutMs must be an integer of at least 0 or Infinity, not "5',
    ],
    [{ heartbeatMs: 20_000, hungMs: 10 }, "heartbeatMs (20000) is above hungMs (10)"],
    [{ callTimeout: 30 }, 'createPool has no option "callTimeout"; meant callTimeoutMs?'],
    [{ timeoutSeconds: 30 }, /createPool has no option "timeoutSeconds"; (meant|known are)/],
    [{ poolSize: 4 }, /createPool has no option "poolSize"; known are adapter, .*minWorkers/],
    [{ circuit: { failureRate: 2 } }, "circuit.failureRate must be above 0 and at most 1, not 2"],
    [{ inspect: "no" }, 'inspect must be true or false, not "no"'],
    [{ inspect: 0 }, "inspect must be true or false, not 0"],
    [{ warmUp: ["load"] }, 'warmUp must be an array of { command, args }, not ["load"]'],
    [{ adapter: undefined }, "adapter must be an Adapter, not undefined"],
    [{ adapter: { name: "mine", spec() {} } }, "adapter lacks connect"],
  ])("%o", async (options, text) => {
    const pool = createPool({ adapter: fakeAdapter(), ...(options as object) });
    expect(await failure(pool)).toMatchObject(refused("INVALID_OPTIONS", text));
  });
});

describe("a call refuses", () => {
  test.each([
    [{ timeoutMs: 0 }, "timeoutMs is 0, not a positive number of milliseconds"],
    [{ timeoutMs: -1 }, "timeoutMs is -1, not a positive number of milliseconds"],
    [{ timeoutMs: Number.NaN }, "timeoutMs is NaN, not a positive number of milliseconds"],
    [{ timeoutMs: "5s" }, 'timeoutMs is "5s", not a positive number of milliseconds'],
    [{ timeout: 5_000 }, 'call options has no option "timeout"; meant timeoutMs?'],
    [{ queueTimeoutMs: -1 }, "queueTimeoutMs is -1, not a positive number of milliseconds"],
    [{ affinity: "sticky" }, 'affinity must be one of "prefer", "require", "none", not "sticky"'],
    [{ affinity: "require" }, 'affinity "require" needs a session'],
    [{ idempotent: "yes" }, 'idempotent must be true or false, not "yes"'],
    [{ correlationId: "a b" }, "correlationId must be 1 to 200 of the characters A-Z"],
    [{ correlationId: 7 }, "correlationId must be 1 to 200 of the characters A-Z"],
    [5_000, "the options of call options must be an object, not 5000"],
  ])("the options %o", async (options, text) => {
    const adapter = fakeAdapter();
    await using pool = await createPool({ adapter });
    const call = pool.execute("echo", 1, options as CallOptions);
    expect(await failure(call)).toMatchObject(refused("INVALID_ARGUMENT", text));
    const stream = pool.stream("echo", 1, options as CallOptions);
    expect(await failure(stream.next())).toMatchObject(refused("INVALID_ARGUMENT", text));
    expect(pool.stats()).toMatchObject({ queued: 0, running: 0 });
  });

  test("an affinity that a session does not know, also of the session itself", async () => {
    await using pool = await createPool({ adapter: fakeAdapter() });
    const text = 'affinity must be one of "prefer", "require", "none", not "sticky"';
    expect(() => pool.session("ada", { affinity: "sticky" as "prefer" })).toThrow(text);
    const call = pool.session("ada").execute("echo", 1, { affinity: "sticky" as "prefer" });
    expect(await failure(call)).toMatchObject(refused("INVALID_ARGUMENT", text));
  });

  test("a command that is not in `commands`, and arguments that `validate` does not want", async () => {
    const commands = {
      add: {
        validate(args: unknown) {
          if (typeof args !== "number") throw new TypeError("a number is needed");
        },
      },
    };
    await using pool = await createPool({ adapter: fakeAdapter({ commands }) });
    expect(await failure(pool.execute("addd"))).toMatchObject(
      refused("UNKNOWN_COMMAND", 'no command "addd"; did you mean add?'),
    );
    expect(await failure(pool.execute("add", "1"))).toMatchObject(
      refused("INVALID_ARGUMENT", "the arguments of add are refused: a number is needed"),
    );
  });

  test("a route to a pool that does not exist", async () => {
    const route = () => "generl" as "general";
    await using pools = await createPools({ general: { adapter: fakeAdapter() } }, { route });
    expect(await failure(pools.execute("echo"))).toMatchObject(
      refused("UNKNOWN_POOL", 'there is no pool "generl"; did you mean general?'),
    );
  });
});

describe("a program that is not there is named", () => {
  test("with the path of the script", async () => {
    const pool = createPool({ adapter: nodeAdapter({ script: "/nowhere/worker.mjs" }) });
    expect(await failure(pool)).toMatchObject({
      ...refused("WORKER_START_FAILED", "there is no script /nowhere/worker.mjs"),
      details: { reason: "not-found" },
    });
  });

  test("with the PATH that was searched", async () => {
    const adapter = processAdapter({ program: "no-such-ruby", protocol: "json-lines" });
    expect(await failure(createPool({ adapter }))).toMatchObject({
      ...refused(
        "WORKER_START_FAILED",
        `no program "no-such-ruby" was found (PATH is ${process.env["PATH"]})`,
      ),
      details: { reason: "not-found" },
    });
  });

  test("with its own path", async () => {
    const adapter = processAdapter({ program: "/nowhere/ruby", protocol: "json-lines" });
    expect(await failure(createPool({ adapter }))).toMatchObject({
      ...refused("WORKER_START_FAILED", "/nowhere/ruby"),
      details: { reason: "not-found" },
    });
  });
});

test("arguments that are not data are refused before they are sent, by their path and type", async () => {
  await using real = await faultyPool();
  const { pool } = real;
  class Account {
    readonly owner = "ada";
  }
  const cycle: { name: string; self?: unknown } = { name: "cycle" };
  cycle.self = cycle;
  const cases: readonly (readonly [unknown, string])[] = [
    [{ after: () => {} }, "args.after"],
    [{ key: Symbol("key") }, "args.key"],
    [[1, new Account()], "args[1]"],
    [cycle, "args.self"],
    [{ when: new Date(0) }, "args.when"],
    [{ ratio: Number.NaN }, "args.ratio"],
    [{ big: 2n }, "args.big"],
  ];
  for (const [args, path] of cases) {
    const error = await failure(pool.execute("echo", args));
    expect(error).toMatchObject(refused("SERIALIZATION", path));
    expect(error).toMatchObject({ details: { path } });
    const stream = pool.stream("echo", args);
    expect(await failure(stream.next())).toMatchObject(refused("SERIALIZATION", path));
  }
  expect(await pool.execute("echo", "data")).toBe("data");
  expect(pool.stats()).toMatchObject({ queued: 0, running: 0 });
});
