import type { Contestant } from "./contestant.ts";
import { type Sample, timed } from "./timed.ts";

/** Records that are read and written in turn: as many as a small application has. */
export const RECORDS = 1_000;

/** Of a store: reads or writes per second with so many under way at a time. */
export function storeRate(what: "get" | "set", inFlight: number) {
  return (contestant: Contestant, durationMs: number): Promise<Sample> => {
    const { store } = contestant;
    if (store === undefined) throw new Error(`${contestant.name} stores nothing`);
    return timed(async () => {
      const endMs = performance.now() + durationMs;
      let operations = 0;
      let isOver = false;
      const caller = async () => {
        while (!isOver) {
          const record = operations++;
          if (record % 64 === 0 && performance.now() >= endMs) isOver = true;
          await store[what](record % RECORDS);
        }
      };
      await Promise.all(Array.from({ length: inFlight }, caller));
      return {
        operations,
        values: (elapsedMs) => ({ rate: (operations / elapsedMs) * 1_000 }),
      };
    });
  };
}
