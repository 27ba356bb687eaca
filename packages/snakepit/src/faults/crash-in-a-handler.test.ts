import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { fixture } from "../fixtures/processes.ts";
import { failure, faultyPool, lightPool, type RealPool, realPool } from "../fixtures/real-pools.ts";
import { processAdapter } from "../process/index.ts";

const crashed = (details: object) => ({ code: "WORKER_EXITED", outcome: "unknown", details });

/** The pool goes on with another worker. */
async function expectReplaced(real: RealPool, before: readonly number[]): Promise<void> {
  expect(before).not.toContain(await real.pool.execute("pid"));
}

test("a handler that ends the process gives its caller the exit code", async () => {
  await using real = await faultyPool();
  const before = real.pids();
  const error = await failure(real.pool.execute("exit", 7));
  expect(error).toMatchObject(crashed({ exitCode: 7, cause: "exit-code" }));
  expect(error).toMatchObject({ message: expect.stringContaining("exited with code 7") });
  await expectReplaced(real, before);
});

test("so does one that ends it in good order", async () => {
  await using real = await faultyPool();
  const error = await failure(real.pool.execute("exit", 0));
  expect(error).toMatchObject(crashed({ exitCode: 0, cause: "exit-code" }));
});

test.each(["SIGSEGV", "SIGABRT", "SIGBUS"] as const)("a crash by %s is named", async (signal) => {
  await using real = await lightPool({ minWorkers: 1 });
  const before = real.pids();
  const error = await failure(real.pool.execute("die", signal.slice(3)));
  expect(error).toMatchObject(crashed({ signal, cause: "signal" }));
  await expectReplaced(real, before);
});

test("a Node worker that runs out of memory is told from one that merely crashed", async () => {
  const adapter = processAdapter({
    program: process.execPath,
    args: ["--max-old-space-size=24", fixture("faulty-worker.mjs")],
    protocol: "json-lines",
  });
  await using real = await realPool(adapter, { minWorkers: 1 });
  const before = real.pids();
  const error = await failure(real.pool.execute("exhaust"));
  expect(error).toMatchObject(crashed({ signal: "SIGABRT", cause: "out-of-memory" }));
  expect(error).toMatchObject({
    message: expect.stringMatching(/ran out of memory[\s\S]*heap out of memory/),
  });
  await expectReplaced(real, before);
});

const hasRuby = spawnSync("ruby", ["--version"]).status === 0;
if (!hasRuby) process.stderr.write("skipped: crash of a Ruby worker (there is no ruby)\n");

test.skipIf(!hasRuby)("what an interpreter says of its own crash stands in the error", async () => {
  const adapter = processAdapter({
    program: "ruby",
    args: [fixture("crashing-worker.rb")],
    protocol: "json-lines",
  });
  await using real = await realPool(adapter, { minWorkers: 1 });
  const error = await failure(real.pool.execute("segfault"));
  expect(error).toMatchObject(crashed({ signal: "SIGABRT", cause: "signal" }));
  expect((error as { details: { stderr: string } }).details.stderr).toContain(
    "[BUG] Segmentation fault",
  );
});
