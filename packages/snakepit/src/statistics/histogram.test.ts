import fc from "fast-check";
import { expect, test } from "vitest";
import { Histogram } from "./histogram.ts";

const lengths = fc.array(fc.double({ min: 0.001, max: 100_000_000, noNaN: true }), {
  minLength: 1,
  maxLength: 200,
});

test("each percentile is right to a sixteenth", () => {
  fc.assert(
    fc.property(lengths, fc.constantFrom(0.5, 0.95, 0.99, 1), (all, share) => {
      const histogram = new Histogram();
      for (const one of all) histogram.add(one);
      const sorted = [...all].sort((a, b) => a - b);
      const exact = sorted[Math.ceil(all.length * share) - 1] as number;
      expect(Math.abs(histogram.percentileMs(share) - exact)).toBeLessThanOrEqual(exact / 16);
    }),
  );
});

test("the longest is kept exactly, and no percentile is above it", () => {
  const histogram = new Histogram();
  for (const one of [1, 2, 1_234.567]) histogram.add(one);
  expect(histogram.maxMs).toBe(1_234.567);
  expect(histogram.percentileMs(1)).toBeLessThanOrEqual(1_234.567);
});

test("one that stands for many counts as many", () => {
  const histogram = new Histogram();
  histogram.add(1, 99);
  histogram.add(1_000);
  expect(histogram.size).toBe(100);
  expect(histogram.percentileMs(0.99)).toBeCloseTo(1, 0);
  expect(histogram.percentileMs(1)).toBeGreaterThan(930);
});

test.each([0, -1, 1e-9, 1e300, Number.POSITIVE_INFINITY])(
  "a length of %d ms finds a place, at the edge",
  (lengthMs) => {
    const histogram = new Histogram();
    histogram.add(lengthMs);
    expect(histogram.size).toBe(1);
    expect(histogram.percentileMs(0.5)).toBeLessThanOrEqual(Math.max(0, lengthMs));
  },
);

test("of nothing every percentile is 0", () => {
  expect(new Histogram().percentileMs(0.99)).toBe(0);
});
