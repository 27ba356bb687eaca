import { expect, test } from "vitest";
import { createPools } from "./create-pools.ts";
import { fakeAdapter } from "./testing/fake-adapter.ts";

const named = (name: string) =>
  fakeAdapter({ handlers: { optimize: () => name, predict: () => name } });

test("each command goes to the pool that its route names", async () => {
  await using pools = await createPools(
    { general: { adapter: named("general") }, optimizer: { adapter: named("optimizer") } },
    { route: (command) => (command.startsWith("optimize") ? "optimizer" : "general") },
  );
  expect(await pools.execute("optimize")).toBe("optimizer");
  expect(await pools.execute("predict")).toBe("general");
  expect(pools.stats()).toMatchObject({ general: { succeeded: 1 }, optimizer: { succeeded: 1 } });
});

test("a route to a pool that does not exist is refused, with the nearest name", async () => {
  await using pools = await createPools(
    { general: { adapter: named("general") }, optimizer: { adapter: named("optimizer") } },
    { route: () => "optimiser" as "optimizer" },
  );
  await expect(pools.execute("predict")).rejects.toMatchObject({
    code: "UNKNOWN_POOL",
    outcome: "not-started",
    message: expect.stringContaining('no pool "optimiser"; did you mean optimizer?'),
  });
  expect(() => pools.pool("x" as "general")).toThrow(/there are general, optimizer/);
});

test("when one pool does not start, its error names it and none is left running", async () => {
  const good = fakeAdapter();
  const bad = fakeAdapter({
    onStart: () => {
      throw new Error("no licence");
    },
  });
  const pools = createPools({ general: { adapter: good }, special: { adapter: bad } });
  await expect(pools).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    message: expect.stringMatching(/^\[WORKER_START_FAILED\] pool "special": .*no licence/s),
    details: { pool: "special" },
  });
  expect(good.workerIds()).toEqual([]);
});

test.each([
  [{}, {}, /at least one pool/],
  [{ general: { adapter: fakeAdapter() } }, { rout: () => "general" }, /meant route/],
  [{ general: { adapter: fakeAdapter() } }, { route: "general" }, /route must be a function/],
])("createPools(%o, %o) is refused", async (pools, options, message) => {
  await expect(createPools(pools as never, options as never)).rejects.toThrow(message);
});
