import type { Adapter, Connection } from "../../adapter.ts";
import type { Launcher, WorkerProcess } from "../../launcher.ts";
import { localLauncher } from "../../local/local-launcher.ts";
import { within } from "./checks.ts";
import type { ContractOptions } from "./options.ts";

/** One worker outside any pool: what its connection does by itself shows only there. */
export interface LoneWorker {
  readonly process: WorkerProcess;
  readonly connection: Connection;
}

const never = new AbortController().signal;
let lastWorker = 0;

export async function withWorker(
  options: ContractOptions,
  use: (worker: LoneWorker) => Promise<void>,
): Promise<void> {
  await withProcess(options, async (process, adapter) => {
    const connecting = adapter.connect(process, { ...deaf, signal: never });
    const connection = await within(options.timeoutMs, "the handshake", connecting);
    await use({ process, connection });
    await within(options.timeoutMs, "the goodbye", connection[Symbol.asyncDispose]());
  });
}

/** A process that nobody has connected to yet. */
export async function withProcess(
  options: ContractOptions,
  use: (process: WorkerProcess, adapter: Adapter) => Promise<void>,
): Promise<void> {
  const { timeoutMs } = options;
  const adapter = options.adapter();
  await within(timeoutMs, "open", Promise.resolve(adapter.open?.({ signal: never })));
  try {
    const workerId = `contract-${++lastWorker}`;
    const launching = launcherOf(options, adapter).launch(adapter.spec(), {
      workerId,
      signal: never,
    });
    const process = await within(timeoutMs, "the launch", launching);
    try {
      await use(process, adapter);
    } finally {
      await process.stop({ graceMs: 0 });
    }
  } finally {
    await within(timeoutMs, "close", Promise.resolve(adapter.close?.()));
  }
}

/** What a worker says to nobody. */
export const deaf = { log: () => {}, telemetry: () => {} };

export function launcherOf(options: ContractOptions, adapter: Adapter): Launcher {
  return options.launcher?.() ?? adapter.launcher ?? localLauncher();
}
