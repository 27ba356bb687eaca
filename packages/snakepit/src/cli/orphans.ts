import { findOrphans, sweepOrphans } from "../local/orphans.ts";
import { checkPrivate, stateDirectories } from "../local/state-directory.ts";
import { CommandFailure } from "./failure.ts";
import { type Output, table } from "./output.ts";

interface OrphansOptions {
  readonly output: Output;
  readonly end: boolean;
  /** The `stateDirectory` of the launcher. Default: where launchers write by default. */
  readonly directory?: string;
}

/** What hosts that died have left behind; with `end` it is ended. */
export async function orphans({ output, end, directory }: OrphansOptions): Promise<void> {
  if (directory !== undefined) await checkGiven(directory);
  const found = await findOrphans(stateDirectories(directory));
  const sweep = end
    ? await sweepOrphans(directory === undefined ? {} : { stateDirectory: directory })
    : undefined;
  // What they had started meanwhile is ended too, and was not listed.
  const ended = sweep?.ended.map(({ pid }) => pid);
  if (output.isJson)
    return output.json({ orphans: found, ...(ended === undefined ? {} : { ended }) });
  if (found.length === 0 && (ended ?? []).length === 0)
    return output.line("no process of a dead host is left");
  const head = ["pid", "of the dead host", "run"];
  const rows = found.map(({ pid, ownerPid, runId }) => [text(pid), text(ownerPid), runId]);
  for (const line of table(head, rows)) output.line(line);
  if (ended === undefined) output.line("nothing was ended; --end does that");
  else output.line(`ended ${ended.length}: ${ended.join(", ")}`);
}

/** In a folder that is not there nothing is found, which must not look as if all were well. */
async function checkGiven(directory: string): Promise<void> {
  try {
    await checkPrivate(directory);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "it is not there" : message;
    throw new CommandFailure(
      "usage",
      `--directory ${directory} is no stateDirectory of a launcher: ${why}`,
    );
  }
}

function text(pid: number) {
  return { text: String(pid) };
}
