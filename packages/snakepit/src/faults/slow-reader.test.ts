import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { heldBytes } from "../fixtures/held-bytes.ts";
import { faultyPool } from "../fixtures/real-pools.ts";
import { scratch } from "../fixtures/scratch.ts";

const MiB = 2 ** 20;

/** What a file says once it does not change any more. */
async function settled(file: string): Promise<number> {
  for (let last = ""; ; ) {
    const now = readFileSync(file, "utf8");
    if (now !== "" && now === last) return Number(now);
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("a slow reader of 128 MiB slows its worker down, and the host holds no more than a few chunks", async () => {
  using directory = scratch();
  await using real = await faultyPool();
  const chunks = 2_048;
  const text = "x".repeat(64 * 1_024);
  const progress = directory.file("progress");
  const held: number[] = [];
  let furthestAhead = 0;
  let read = 0;
  for await (const chunk of real.pool.stream("flood", { chunks, text, progress })) {
    expect(chunk).toHaveLength(text.length);
    read++;
    if (read % 512 !== 0) continue;
    // The worker has all the time that it wants to run away.
    furthestAhead = Math.max(furthestAhead, (await settled(progress)) - read);
    held.push(await heldBytes());
  }
  expect(read).toBe(chunks);
  expect(furthestAhead * text.length).toBeLessThan(16 * MiB);
  expect(Math.max(...held) - Math.min(...held)).toBeLessThan(48 * MiB);
});
