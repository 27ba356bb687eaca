import { applicationOf, type CommandOptions, withApplications } from "./command.ts";
import { look } from "./rates.ts";
import { applicationLine, workerTable } from "./tables.ts";

/** Every worker of every pool. */
export async function workers({ output, ...choice }: CommandOptions): Promise<void> {
  await withApplications(choice, async (chosen) => {
    const looks = await Promise.all(
      chosen.map(async (attached) => ({ attached, now: await look(attached) })),
    );
    if (output.isJson) {
      const rows = looks.flatMap(({ attached, now }) =>
        (now?.workers ?? []).flatMap(({ pool, workers: all }) =>
          all.map((worker) => ({ application: applicationOf(attached), pool, ...worker })),
        ),
      );
      return output.json(rows);
    }
    for (const [index, { attached, now }] of looks.entries()) {
      if (index > 0) output.line();
      output.line(output.bold(applicationLine(attached.report)));
      for (const line of now === undefined ? ["has ended"] : workerTable(now, undefined))
        output.line(line);
    }
  });
}
