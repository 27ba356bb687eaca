import { assertSame, refusedWith } from "./checks.ts";
import type { ContractCall, ContractOptions } from "./options.ts";
import { withPool } from "./with-pool.ts";

/** More streams than workers: some wait, and none gets the chunks of another. */
const STREAMS = 4;

export async function chunksInOrder(
  options: ContractOptions,
  stream: ContractCall & { readonly chunks: readonly unknown[] },
): Promise<void> {
  await withPool(options, { minWorkers: 2, maxWorkers: 2 }, async ({ pool }) => {
    const read = async () => {
      const chunks: unknown[] = [];
      for await (const chunk of pool.stream(stream.command, stream.args)) chunks.push(chunk);
      return chunks;
    };
    for (const chunks of await Promise.all(Array.from({ length: STREAMS }, read))) {
      assertSame(chunks, stream.chunks, `the chunks of ${stream.command}`);
    }
  });
}

/** Whoever says that it cannot stream has to say so to callers too. */
export async function noStreams(options: ContractOptions): Promise<void> {
  await withPool(options, { maxWorkers: 1 }, async ({ pool }) => {
    const chunk = pool.stream(options.echo, {}).next();
    await refusedWith("UNSUPPORTED", chunk, "a stream from workers that cannot stream");
  });
}
