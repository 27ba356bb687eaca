import assert from "node:assert/strict";
import { SnakepitError } from "../../errors.ts";
import { exitText } from "../../exit-report.ts";
import { assertOutcome, assertSame, refusedWith, untilGone, within } from "./checks.ts";
import { withWorker } from "./lone-worker.ts";
import type { ContractCall, ContractOptions } from "./options.ts";
import { type PoolUnderTest, withPool } from "./with-pool.ts";

/** The worker ends by itself in the middle of a call. */
export async function crash(options: ContractOptions, call: ContractCall): Promise<void> {
  await withPool(options, { maxWorkers: 1 }, async (test) => {
    await loses(test, options, call, async () => {});
  });
}

/** The worker is killed in the middle of a call. */
export async function killed(options: ContractOptions, call: ContractCall): Promise<void> {
  await withPool(options, { maxWorkers: 1 }, async (test) => {
    await loses(test, options, call, async () => {
      await test.processes[0]?.stop({ graceMs: 0 });
    });
  });
}

async function loses(
  { pool, processes, worker }: PoolUnderTest,
  options: ContractOptions,
  { command, args }: ContractCall,
  end: () => Promise<void>,
): Promise<void> {
  const before = worker();
  const call = pool.execute(command, args);
  const lost = refusedWith("WORKER_EXITED", call, `${command}, whose worker was lost,`);
  await Promise.all([end(), lost]);
  assertOutcome(await lost, "unknown");
  const [value] = options.values;
  assertSame(await pool.execute(options.echo, value), value, options.echo);
  assert.notEqual(worker(), before, "another worker must have taken its place");
  await untilGone(processes[0]?.pid, options.timeoutMs);
}

/** A call that meets a worker which has just died: it is answered by another, or fails as lost. */
export async function callsAfterDeath(options: ContractOptions): Promise<void> {
  await withPool(options, { maxWorkers: 1 }, async ({ pool, processes }) => {
    const dying = processes[0]?.stop({ graceMs: 0 });
    for (let n = 0; n < 20; n++) {
      try {
        const value = options.values[n % options.values.length];
        assertSame(await pool.execute(options.echo, value), value, options.echo);
      } catch (error) {
        if (!SnakepitError.is(error, "WORKER_EXITED")) throw error;
      }
    }
    await dying;
    const [value] = options.values;
    assertSame(await pool.execute(options.echo, value), value, options.echo);
  });
}

/** After the goodbye and a SIGTERM the worker ends by itself; nobody has to force it. */
export async function cleanEnd(options: ContractOptions): Promise<void> {
  let pid: number | undefined;
  await withWorker(options, async ({ process, connection }) => {
    pid = process.pid;
    await within(options.timeoutMs, "the goodbye", connection[Symbol.asyncDispose]());
    const exit = await process.stop({ graceMs: options.timeoutMs });
    const clean =
      (exit.kind === "exited" && exit.code === 0) ||
      (exit.kind === "signaled" && exit.signal === "SIGTERM");
    assert.ok(clean, `a worker must end cleanly when it is asked to, but it ${exitText(exit)}`);
  });
  await untilGone(pid, options.timeoutMs);
}

/** Busy or not: a closed pool has left nothing behind. */
export async function nothingLeft(
  options: ContractOptions,
  busy: ContractCall | undefined,
): Promise<void> {
  let pids: (number | undefined)[] = [];
  await withPool(options, { minWorkers: 2, maxWorkers: 2 }, async ({ pool, processes }) => {
    pids = processes.map(({ pid }) => pid);
    assert.equal(pids.length, 2, "two workers were asked for");
    // Closing the pool ends the call, in whatever way.
    if (busy !== undefined) pool.execute(busy.command, busy.args).catch(() => {});
  });
  for (const pid of pids) await untilGone(pid, options.timeoutMs);
}
