import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { PoolLimits } from "../../options.ts";
import type { Pool } from "../../pool.ts";
import { assertSame, refusedWith, rejectionOf, untilGone, within } from "./checks.ts";
import { LoneCall } from "./lone-call.ts";
import { withWorker } from "./lone-worker.ts";
import type { AdapterContractOptions, ContractCall, ContractOptions } from "./options.ts";
import { type PoolUnderTest, withPool } from "./with-pool.ts";

type SlowCall = Exclude<AdapterContractOptions["slow"], "absent">;

/**
 * Nothing depends on it: a call may be cancelled before it has begun. But after a moment it most
 * likely runs, and that is the harder case.
 */
const MOMENT_MS = 50;
/** A worker that does not confirm is replaced after that, so that the case does not take long. */
const SHORT_GRACE_MS = 200;

/** The connection settles a cancelled call, because that is what frees the slot. */
export async function confirmed(options: ContractOptions, slow: SlowCall): Promise<void> {
  await withWorker(options, async ({ connection }) => {
    const call = new LoneCall();
    // Whether the worker answers with an error or with what it has is its own affair.
    const settled = connection.execute(slow.command, slow.args, call).then(
      () => {},
      () => {},
    );
    await delay(MOMENT_MS);
    call.cancel();
    await within(options.timeoutMs, `the end of ${slow.command} after its cancel`, settled);
  });
}

export async function abort(options: ContractOptions, slow: SlowCall): Promise<void> {
  await withPool(options, limits(options, slow), async (test) => {
    await survivesLosing(test, options, slow, async (pool) => {
      const abort = new AbortController();
      const reason = new Error("changed my mind");
      const call = pool.execute(slow.command, slow.args, { signal: abort.signal });
      await Promise.race([delay(MOMENT_MS), call]);
      abort.abort(reason);
      const error = await rejectionOf(within(options.timeoutMs, "the abort", call), slow.command);
      assert.equal(error, reason, "an aborted call must fail with the reason of its signal");
    });
  });
}

export async function deadline(options: ContractOptions, slow: SlowCall): Promise<void> {
  await withPool(options, limits(options, slow), async (test) => {
    await survivesLosing(test, options, slow, async (pool) => {
      const call = pool.execute(slow.command, slow.args, { timeoutMs: 2 * MOMENT_MS });
      await refusedWith("TIMEOUT", within(options.timeoutMs, "the deadline", call), slow.command);
    });
  });
}

function limits(options: ContractOptions, { onCancel }: SlowCall): Partial<PoolLimits> {
  const cancelGraceMs = onCancel === "stops" ? options.timeoutMs : SHORT_GRACE_MS;
  return { maxWorkers: 1, cancelGraceMs, drainMs: SHORT_GRACE_MS };
}

/** A worker that stops serves on. One that runs on makes way for another, and is gone. */
async function survivesLosing(
  { pool, processes, worker }: PoolUnderTest,
  options: ContractOptions,
  { onCancel }: SlowCall,
  lose: (pool: Pool) => Promise<void>,
): Promise<void> {
  const before = worker();
  await lose(pool);
  const [value] = options.values;
  assertSame(await pool.execute(options.echo, value), value, options.echo);
  if (onCancel === "stops") {
    assert.equal(worker(), before, "a worker that confirms its cancels must be kept");
  } else {
    assert.notEqual(worker(), before, "a worker that ignores its cancels must be replaced");
    await untilGone(processes[0]?.pid, options.timeoutMs);
  }
}

/** Leaving a stream early ends its producer: the worker is free, and still the same. */
export async function leftStream(options: ContractOptions, endless: ContractCall): Promise<void> {
  const patient = { maxWorkers: 1, cancelGraceMs: options.timeoutMs };
  await withPool(options, patient, async ({ pool, worker }) => {
    const before = worker();
    let seen = 0;
    for await (const _ of pool.stream(endless.command, endless.args)) {
      seen++;
      if (seen === 3) break;
    }
    const [value] = options.values;
    assertSame(await pool.execute(options.echo, value), value, options.echo);
    assert.equal(worker(), before, "a stream that is left must not cost the worker its life");
  });
}

export async function abortedStream(
  options: ContractOptions,
  endless: ContractCall,
): Promise<void> {
  const patient = { maxWorkers: 1, cancelGraceMs: options.timeoutMs };
  await withPool(options, patient, async ({ pool }) => {
    const abort = new AbortController();
    const reason = new Error("changed my mind");
    const stream = pool.stream(endless.command, endless.args, { signal: abort.signal });
    const first = await within(options.timeoutMs, "the first chunk", stream.next());
    assert.notEqual(first.done, true, `${endless.command} must not end by itself`);
    const reading = (async () => {
      for await (const _ of stream);
    })();
    abort.abort(reason);
    const error = await rejectionOf(within(options.timeoutMs, "the abort", reading), "the stream");
    assert.equal(error, reason, "an aborted stream must fail with the reason of its signal");
    const [value] = options.values;
    assertSame(await pool.execute(options.echo, value), value, options.echo);
  });
}
