import { expect, test } from "vitest";
import { workerSeed } from "./worker-seed.ts";

test("a worker's seed is the documented one", () => {
  // printf 42/0 | sha256sum
  expect(workerSeed(42, 0)).toBe(0xe86c2dbb);
  expect(workerSeed(42, 1)).toBe(0x2e4deec3);
});

test("no two workers of a pool draw the same, nor those of two seeds", () => {
  const seeds = [1, 2, -1].flatMap((seed) =>
    Array.from({ length: 100 }, (_, number) => workerSeed(seed, number)),
  );
  expect(new Set(seeds).size).toBe(300);
});
