import { applicationOf, type CommandOptions, withApplications } from "./command.ts";
import { applicationOfWorker } from "./find-worker.ts";

interface RecycleOptions extends CommandOptions {
  readonly worker: string;
  readonly force: boolean;
}

/** Replaces one worker, the replacement first. */
export async function recycle(options: RecycleOptions): Promise<void> {
  const { output, worker, force, ...choice } = options;
  await withApplications(choice, async (chosen) => {
    const attached = await applicationOfWorker(chosen, worker);
    const recycled = await attached.client.ask("recycle", { worker, force });
    if (output.isJson) return output.json({ application: applicationOf(attached), ...recycled });
    const { pool, old, new: successor } = recycled;
    output.line(
      `pool ${pool}: ${successor} serves in place of ${old}, which ends with its last call`,
    );
  });
}
