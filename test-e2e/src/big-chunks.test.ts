import { describe, expect, test } from "vitest";
import { testBridge } from "./workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
type Chunk = readonly [mark: string, number: number, data: Uint8Array];

describe.each(["socket", "grpc"] as const)("over %s", (transport) => {
  test.each(["e2e.big_chunks", "e2e.big_chunks_async"])(
    "readers that leave %s get only chunks of their own, and the worker goes on",
    async (command) => {
      const bridge = await testBridge({ transport });
      const pid = await bridge.execute("e2e.pid");
      const lane = async (lane: number) => {
        for (let stream = 0; stream < 40; stream++) {
          const mark = `${lane}-${stream}`;
          const args = { mark, n: 50, size: 300 * KiB };
          const chunks = bridge.stream(command, args) as AsyncIterable<Chunk>;
          let next = 0;
          for await (const [own, number] of chunks) {
            expect([own, number]).toEqual([mark, next++]);
            if (next > stream % 4) break;
          }
        }
      };
      await Promise.all([0, 1, 2].map(lane));
      expect(await bridge.execute("e2e.pid")).toBe(pid);
    },
  );

  test.each([
    ["e2e.big_chunks", 3.9 * MiB],
    ["e2e.big_chunks_async", 3.9 * MiB],
    ["e2e.big_chunk", 8 * MiB],
    ["e2e.big_chunk_async", 8 * MiB],
  ])("an abort in the last chunk of %s costs its worker nothing", async (command, bytes) => {
    const bridge = await testBridge({ transport });
    const pid = await bridge.execute("e2e.pid");
    for (let afterMs = 1; afterMs <= 24; afterMs++) {
      const signal = AbortSignal.timeout(afterMs);
      const args = { mark: "last", n: 1, size: Math.floor(bytes) };
      const read = async () => {
        for await (const _ of bridge.stream(command, args, { signal }));
      };
      // It may be quicker than the abort.
      await read().catch((error) => expect(error).toMatchObject({ name: "TimeoutError" }));
    }
    expect(await bridge.execute("e2e.pid")).toBe(pid);
  });
});
