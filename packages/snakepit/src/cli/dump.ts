import { type CommandOptions, withApplications } from "./command.ts";

/** Everything as one document, for a report of a fault. Always JSON. */
export async function dump(options: CommandOptions & { readonly values: boolean }): Promise<void> {
  const { output, values, ...choice } = options;
  await withApplications(choice, async (chosen) => {
    const applications = await Promise.all(
      chosen.map(({ client }) => client.ask("dump", { values })),
    );
    output.json({ takenAt: new Date().toISOString(), applications });
  });
}
