import { expect, test } from "vitest";
import { LogLimit } from "./log-limit.ts";

const limits = { perSecond: 100, burst: 200 };

/** How many of `count` lines pass at one moment. */
function passing(limit: LogLimit, count: number, nowMs: number): number {
  let passed = 0;
  for (let line = 0; line < count; line++) if (limit.admits(nowMs)) passed++;
  return passed;
}

test("a burst passes, and what is above it is dropped and counted", () => {
  const limit = new LogLimit(limits);
  expect(passing(limit, 1_000, 5_000)).toBe(200);
  expect(limit.takeDropped()).toBe(800);
  expect(limit.takeDropped()).toBe(0);
});

test("a steady flow within the limit is never cut", () => {
  const limit = new LogLimit(limits);
  for (let nowMs = 0; nowMs < 60_000; nowMs += 10) expect(limit.admits(nowMs)).toBe(true);
  expect(limit.takeDropped()).toBe(0);
});

test("a flood without end comes as one block of lines and one report per second", () => {
  const limit = new LogLimit(limits);
  let passed = 0;
  let reports = 0;
  let reported = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs++) {
    for (let line = 0; line < 100; line++) {
      if (!limit.admits(nowMs)) continue;
      passed++;
      const dropped = limit.takeDropped();
      reported += dropped;
      if (dropped > 0) reports++;
    }
  }
  expect(passed).toBeGreaterThanOrEqual(200 + 9 * 100);
  expect(passed).toBeLessThanOrEqual(200 + 10 * 100);
  expect(reports).toBeLessThanOrEqual(10);
  expect(passed + reported + limit.takeDropped()).toBe(1_000_000);
});

test("a clock that goes back opens nothing", () => {
  const limit = new LogLimit(limits);
  expect(passing(limit, 300, 1_000)).toBe(200);
  expect(passing(limit, 300, 0)).toBe(0);
});
