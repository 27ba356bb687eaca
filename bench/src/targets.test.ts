import { expect, test } from "vitest";
import type { Figure } from "./figures.ts";
import { ratioOf } from "./figures.ts";
import type { Row } from "./measurement.ts";
import { summary } from "./statistics.ts";
import { shownVerdict, type Target, verdicts } from "./targets.ts";

const rate: Row = { name: "rate", value: "rate", unit: "calls/s", better: "higher" };
const latency: Row = { name: "latency", value: "p50", unit: "ms", better: "lower" };

test.each<[string, Row, Target, number, number, string]>([
  ["a rate", rate, { peer: "peer", atLeast: 5 }, 500, 100, "peer ≥ 5 ×: reached"],
  ["too low a rate", rate, { peer: "peer", atLeast: 5 }, 499, 100, "peer ≥ 5 ×: not reached"],
  ["a latency", latency, { peer: "peer", atLeast: 0.5 }, 2, 1, "peer ≥ 0.5 ×: reached"],
  ["too long a latency", latency, { peer: "peer", atLeast: 1 }, 2, 1, "peer ≥ 1 ×: not reached"],
  ["a figure of its own", latency, { atMost: 1 }, 1, 9, "≤ 1 ms: reached"],
  ["a figure below", rate, { atLeast: 1_000 }, 999, 9, "≥ 1,000 calls/s: not reached"],
  [
    "processor time",
    rate,
    { peer: "peer", cpu: true, atLeast: 2 },
    1,
    1_000,
    "peer CPU ≥ 2 ×: reached",
  ],
])("the verdict on %s", (_, row, target, ours, peer, text) => {
  const figures = [figure("ours", ours, 10), figure("peer", peer, 20)];
  expect(verdicts({ ...row, targets: [target] }, figures).map(shownVerdict)).toEqual([text]);
});

test("a peer that was not measured is neither reached nor missed", () => {
  const row = { ...rate, targets: [{ peer: "peer", atLeast: 5 }] };
  const [verdict] = verdicts(row, [figure("ours", 1, 1)]);
  expect(verdict?.isReached).toBeUndefined();
});

test("a ratio above 1 means that ours is better, for latencies too", () => {
  expect(ratioOf(rate, figure("ours", 3, 1), figure("peer", 1, 1))).toBe(3);
  expect(ratioOf(latency, figure("ours", 1, 1), figure("peer", 3, 1))).toBe(3);
});

test("the median of an even number of rounds lies between the two in the middle", () => {
  expect(summary([4, 1, 2, 9]).median).toBe(3);
  expect(summary([4, 1, 2]).median).toBe(2);
});

function figure(name: string, value: number, hostUs: number): Figure {
  return { name, value: summary([value]), cpu: { hostUs, workersUs: 0 } };
}
