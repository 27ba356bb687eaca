import fc from "fast-check";
import { expect, test } from "vitest";
import { type Expiring, ExpiryQueue, unqueued } from "./expiry-queue.ts";

interface Item extends Expiring {
  readonly n: number;
}

const step = fc.oneof(
  fc.record({ do: fc.constant("end" as const), n: fc.nat(15), atMs: fc.nat(50) }),
  fc.record({ do: fc.constant("never" as const), n: fc.nat(15) }),
  fc.record({ do: fc.constant("remove" as const), n: fc.nat(15) }),
  fc.record({ do: fc.constant("pass" as const), ms: fc.nat(20) }),
);

test("whatever is added, put off, brought forward and removed, each ends in its time", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new ExpiryQueue<Item>();
      const items = Array.from(
        { length: 16 },
        (_, n): Item => ({ n, ...unqueued, expiresAtMs: 0 }),
      );
      const queued = new Set<Item>();
      let nowMs = 0;
      for (const one of steps) {
        if (one.do === "pass") {
          nowMs += one.ms;
          const due = [...queued].filter(({ expiresAtMs }) => expiresAtMs <= nowMs);
          const taken: number[] = [];
          for (let item = queue.take(nowMs); item !== undefined; item = queue.take(nowMs)) {
            taken.push(item.n);
            queued.delete(item);
          }
          expect(taken.sort((a, b) => a - b)).toEqual(due.map(({ n }) => n).sort((a, b) => a - b));
          continue;
        }
        const item = items[one.n] as Item;
        if (one.do === "remove") {
          queue.remove(item);
          queued.delete(item);
          continue;
        }
        item.expiresAtMs = one.do === "end" ? nowMs + one.atMs : Number.POSITIVE_INFINITY;
        queue.update(item);
        if (one.do === "end") queued.add(item);
        else queued.delete(item);
      }
    }),
  );
});
