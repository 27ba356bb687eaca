import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { mlDefaults, mlPools } from "./ml-pools.ts";
import { poolPlans } from "./pool-plans.ts";
import { routing } from "./routing.ts";

test("without pools there is one, of 2 to 10 workers, with all that a pool takes", () => {
  const rehydrate = async () => {};
  const options = { logger: console, telemetry: false, inspect: false, rehydrate } as const;
  expect(poolPlans({ ...options, store: "memory:", transport: "grpc", name: "main" })).toEqual([
    {
      name: "main",
      python: {},
      transport: "grpc",
      commands: [],
      options: { minWorkers: 2, maxWorkers: 10, ...options, store: "memory:", name: "main" },
    },
  ]);
});

test("a size that is given moves the other's default", () => {
  const sizes = (options: object) => {
    const { minWorkers, maxWorkers } = poolPlans(options)[0]?.options ?? {};
    return [minWorkers, maxWorkers];
  };
  expect(sizes({ maxWorkers: 1 })).toEqual([1, 1]);
  expect(sizes({ minWorkers: 16 })).toEqual([16, 16]);
  expect(sizes({ minWorkers: undefined })).toEqual([2, 10]);
});

test("what the bridge says holds for each pool that does not say otherwise", () => {
  const [one, two] = poolPlans({
    callTimeoutMs: 5,
    transport: "grpc",
    store: "memory:",
    pools: { one: {}, two: { callTimeoutMs: 7, transport: "socket" } },
  });
  expect(one).toMatchObject({ name: "one", transport: "grpc", options: { callTimeoutMs: 5 } });
  expect(two).toMatchObject({ name: "two", transport: "socket", options: { callTimeoutMs: 7 } });
  expect(one?.options).not.toHaveProperty("store"); // it is for all of them together
});

test("a pool that keeps to the socket has nothing of where the others listen", () => {
  const listen = { host: "localhost", tls: { ca: "ca", cert: "cert", key: "key" } };
  const [near, far] = poolPlans({
    transport: "grpc",
    listen,
    pools: { near: { transport: "socket" }, far: {} },
  });
  expect(near?.listen).toBeUndefined();
  expect(far?.listen).toEqual(listen);
});

test("a pool's Python has what all have, and what it names itself", () => {
  const env = { A: "1", B: "1", C: undefined };
  const shared = { preload: ["a"], env, threads: 2, concurrency: 8 };
  const [plan] = poolPlans({
    python: shared,
    pools: { one: { python: { preload: ["b", "a"], env: { A: undefined, B: "2" }, threads: 4 } } },
  });
  expect(plan?.python).toStrictEqual({
    preload: ["a", "b"],
    env: { A: "1", B: "2" },
    threads: 4,
    concurrency: 8,
    extras: [],
    path: [],
  });
});

test("a command goes where the route says, else to the pool that names it, else to the first", () => {
  const plans = poolPlans({
    pools: {
      first: {},
      second: { commands: ["dspy.*", "exact"] },
      third: { commands: ["dspy.optimize*", "exact*"] },
    },
  });
  const route = routing(plans, (command) => (command === "mine" ? "third" : undefined));
  const commands = ["other", "dspy.predict", "dspy.optimize.run", "exact", "exactly", "mine"];
  expect(commands.map(route)).toEqual(["first", "second", "third", "second", "third", "third"]);
});

test("the pools for machine learning have the sizes of the documentation", () => {
  const GiB = 2 ** 30;
  expect(mlPools()).toMatchObject({
    general: {
      maxWorkers: 2 * availableParallelism(),
      memoryBytes: GiB / 2,
      callTimeoutMs: 30_000,
    },
    optimizer: { maxWorkers: 2, memoryBytes: 4 * GiB, callTimeoutMs: 300_000 },
    neural: { maxWorkers: 4, memoryBytes: 8 * GiB, callTimeoutMs: 600_000 },
  });
  expect(mlDefaults).toEqual({
    callTimeoutMs: 900_000,
    streamTimeoutMs: 3_600_000,
    queueTimeoutMs: 60_000,
  });
  const route = routing(poolPlans({ pools: mlPools() }));
  const routed = ["echo", "dspy.predict", "dspy.optimize", "optimize_program", "train", "embed"];
  expect(routed.map(route)).toEqual([
    "general",
    "general",
    "optimizer",
    "optimizer",
    "neural",
    "neural",
  ]);
});
