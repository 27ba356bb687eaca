import assert from "node:assert/strict";
import type { Adapter } from "../../adapter.ts";
import { createPool } from "../../create-pool.ts";
import { refusedWith, untilGone, within } from "./checks.ts";
import { deaf, withProcess, withWorker } from "./lone-worker.ts";
import type { ContractOptions } from "./options.ts";

/** A handshake within the time, with capabilities that a pool can go by. */
export async function capabilities(options: ContractOptions): Promise<void> {
  await withWorker(options, async ({ connection }) => {
    const { concurrency, commands } = connection.capabilities;
    assert.ok(
      Number.isSafeInteger(concurrency) && concurrency >= 1,
      `capabilities.concurrency must be a positive integer, not ${concurrency}`,
    );
    if (commands === "any") return;
    assert.ok(commands instanceof Set, 'capabilities.commands must be a Set, or "any"');
    const { slow, fail, stream, endlessStream, crash, session } = options;
    for (const part of [slow, fail, stream, endlessStream, crash, session]) {
      const command = part === "absent" ? options.echo : part.command;
      assert.ok(commands.has(command), `capabilities.commands must have ${command}`);
    }
  });
}

export async function missingProgram(options: ContractOptions): Promise<void> {
  const adapter = withProgram(options.adapter(), "/nowhere/no-such-program");
  const launcher = options.launcher?.();
  const start = createPool({
    adapter,
    ...(launcher === undefined ? {} : { launcher }),
    startTimeoutMs: options.timeoutMs,
  });
  // Should it come up all the same: nothing of it may stay.
  start.then((pool) => pool.close({ graceMs: 0 })).catch(() => {});
  const waited = within(2 * options.timeoutMs, "the failing start", start);
  await refusedWith("WORKER_START_FAILED", waited, "a start without its program");
}

/** Delegates, because the methods of a class may need the adapter itself as `this`. */
function withProgram(adapter: Adapter, program: string): Adapter {
  const { launcher } = adapter;
  return {
    name: adapter.name,
    spec: () => ({ ...adapter.spec(), program }),
    open: async (options) => adapter.open?.(options),
    close: async () => adapter.close?.(),
    connect: (process, options) => adapter.connect(process, options),
    ...(launcher === undefined ? {} : { launcher }),
  };
}

export async function givenUp(options: ContractOptions): Promise<void> {
  let pid: number | undefined;
  await withProcess(options, async (process, adapter) => {
    pid = process.pid;
    const abort = new AbortController();
    const connecting = adapter.connect(process, { ...deaf, signal: abort.signal });
    abort.abort(new Error("nobody waits any more"));
    // It may have been ready just before; then it is up to us to say goodbye.
    const settled = connecting.then(
      (connection) => connection[Symbol.asyncDispose](),
      () => {},
    );
    await within(options.timeoutMs, "the end of a start that was given up", settled);
  });
  await untilGone(pid, options.timeoutMs);
}
