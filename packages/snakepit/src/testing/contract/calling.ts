import assert from "node:assert/strict";
import { assertOutcome, assertSame, refusedWith, within } from "./checks.ts";
import { LoneCall } from "./lone-call.ts";
import { withWorker } from "./lone-worker.ts";
import type { ContractCall, ContractOptions } from "./options.ts";
import { withPool } from "./with-pool.ts";

/** More than any worker's slots, so that most of them wait. */
const MANY_CALLS = 200;

export async function roundTrips(options: ContractOptions): Promise<void> {
  await withWorker(options, async ({ connection }) => {
    for (const [index, value] of options.values.entries()) {
      const what = `${options.echo} of values[${index}]`;
      const answer = connection.execute(options.echo, value, new LoneCall());
      assertSame(await within(options.timeoutMs, what, answer), value, what);
    }
  });
}

export async function manyAtOnce(options: ContractOptions): Promise<void> {
  await withPool(options, { minWorkers: 2, maxWorkers: 2 }, async ({ pool }) => {
    const { values } = options;
    const sent = Array.from({ length: MANY_CALLS }, (_, n) => values[n % values.length]);
    const answers = await Promise.all(sent.map((value) => pool.execute(options.echo, value)));
    assertSame(answers, sent, `${MANY_CALLS} answers`);
  });
}

/** By the adapter, or by the pool from what the worker says that it has. */
export async function unknownCommand(options: ContractOptions): Promise<void> {
  await withPool(options, { maxWorkers: 1 }, async ({ pool, worker }) => {
    const before = worker();
    const command = "no_such_command";
    const refused = within(options.timeoutMs, command, pool.execute(command, {}));
    const error = await refusedWith("UNKNOWN_COMMAND", refused, "a command that does not exist");
    assertOutcome(error, "not-started");
    const [value] = options.values;
    assertSame(await pool.execute(options.echo, value), value, options.echo);
    assert.equal(worker(), before, "an unknown command must not cost the worker its life");
  });
}

export async function handlerError(
  options: ContractOptions,
  fail: ContractCall & { readonly type: string; readonly message: string },
): Promise<void> {
  await withPool(options, { maxWorkers: 1 }, async ({ pool, worker }) => {
    const before = worker();
    const call = pool.execute(fail.command, fail.args);
    const error = await refusedWith("REMOTE", call, fail.command);
    const { type, message } = error.details as { type?: unknown; message?: unknown };
    assert.equal(type, fail.type, "details.type is the type that the worker gave");
    assert.equal(message, fail.message, "details.message is the message that the worker gave");
    assertOutcome(error, "failed");
    const [value] = options.values;
    assertSame(await pool.execute(options.echo, value), value, options.echo);
    assert.equal(worker(), before, "a failed call must not cost the worker its life");
  });
}

export async function ping(options: ContractOptions): Promise<void> {
  await withWorker(options, async ({ connection }) => {
    const answered = () => within(options.timeoutMs, "a ping", connection.ping(new LoneCall()));
    for (let n = 0; n < 3; n++) await answered();
    const { concurrency, pingsWhileBusy } = connection.capabilities;
    if (pingsWhileBusy !== true || options.slow === "absent") return;
    // A pool takes silence for trouble from a worker that has promised this.
    const { command, args } = options.slow;
    for (let n = 0; n < concurrency; n++) {
      connection.execute(command, args, new LoneCall()).catch(() => {}); // ends with its worker
    }
    await answered();
  });
}

export async function sessionId(
  options: ContractOptions,
  session: ContractCall & { pick?: (reply: unknown) => unknown },
): Promise<void> {
  await withWorker(options, async ({ connection }) => {
    const { command, args, pick = (reply: unknown) => reply } = session;
    for (const id of ["user_1", "user:2.b"]) {
      const call = connection.execute(command, args, new LoneCall({ id }));
      const reply = await within(options.timeoutMs, command, call);
      assert.equal(pick(reply), id, "the worker must hear of the session of its call");
    }
  });
}
