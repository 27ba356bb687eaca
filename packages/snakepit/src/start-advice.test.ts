/** An adapter may know what its workers' last words mean. */
import { expect, test } from "vitest";
import type { Adapter } from "./adapter.ts";
import { createPool } from "./create-pool.ts";
import { nextEvent } from "./fixtures/events.ts";

const lastWords = "no licence found";

function adapterWith(startAdvice: Adapter["startAdvice"]): Adapter {
  const script = `console.error(${JSON.stringify(lastWords)}); process.exit(3)`;
  return {
    name: "unlicensed",
    spec: () => ({ program: process.execPath, args: ["-e", script], env: {}, channel: "stdio" }),
    connect: () => new Promise<never>(() => {}),
    ...(startAdvice === undefined ? {} : { startAdvice }),
  };
}

const buy = (stderr: string) => (stderr.includes(lastWords) ? "buy a licence" : undefined);

test("a start that fails says what its adapter advises, and keeps the worker's words", async () => {
  await expect(createPool({ adapter: adapterWith(buy), minWorkers: 1 })).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    message: "[WORKER_START_FAILED] buy a licence",
    details: { reason: "exited", stderr: expect.stringContaining(lastWords) },
    cause: { message: expect.stringContaining(lastWords) },
  });
});

test("advice also reaches the call of a pool that starts with it, and whoever listens", async () => {
  await using pool = await createPool({ adapter: adapterWith(buy), minWorkers: 0 });
  const failed = nextEvent(pool, "worker-start-failed");
  await expect(pool.execute("any")).rejects.toMatchObject({
    code: "POOL_DEGRADED",
    message: expect.stringContaining("Last: [WORKER_START_FAILED] buy a licence"),
    details: { stderr: expect.stringContaining(lastWords) },
  });
  expect((await failed).error.message).toBe("[WORKER_START_FAILED] buy a licence");
});

test.each([
  ["has none", () => undefined],
  [
    "fails",
    () => {
      throw new Error("the adviser is ill");
    },
  ],
])("where the advice %s the worker's own words stand", async (_, startAdvice) => {
  const creating = createPool({ adapter: adapterWith(startAdvice), minWorkers: 1 });
  await expect(creating).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    message: expect.stringContaining(lastWords),
  });
});
