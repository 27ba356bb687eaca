import { type Attached, type Choice, choose, type Found, findApplications } from "./attach.ts";
import type { Output } from "./output.ts";

/** What every command gets: which applications are meant, and where to write. */
export interface CommandOptions extends Choice {
  readonly output: Output;
}

/** Does something with the chosen applications, and lets go of all of them. */
export async function withApplications<Result>(
  options: Choice,
  use: (chosen: readonly Attached[], found: Found) => Promise<Result>,
): Promise<Result> {
  const found = await findApplications();
  try {
    return await use(choose(found, options), found);
  } finally {
    for (const { client } of found.attached) client[Symbol.dispose]();
  }
}

/** What a document for programs says of the application that something belongs to. */
export function applicationOf({ report }: Attached) {
  const { pid, thread, name } = report;
  return { pid, thread, name };
}
