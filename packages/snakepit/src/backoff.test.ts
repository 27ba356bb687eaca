import { expect, test } from "vitest";
import { Backoff } from "./backoff.ts";

test("each failed start doubles the wait, and a served call ends it", () => {
  const backoff = new Backoff();
  expect(backoff.waitMs(0)).toBe(0);
  const waits = [0, 10_000, 20_000, 30_000].map((nowMs) => {
    backoff.crashed(nowMs);
    return backoff.waitMs(nowMs);
  });
  expect(waits).toEqual([100, 200, 400, 800]);
  backoff.served();
  expect(backoff.waitMs(30_000)).toBe(0);
});

test("five crashes in ten seconds degrade the pool, and one start in ten seconds probes it", () => {
  const backoff = new Backoff();
  for (const nowMs of [0, 100, 300, 700]) backoff.crashed(nowMs);
  expect(backoff.degraded).toBe(false);
  backoff.crashed(1_500);
  expect(backoff.degraded).toBe(true);
  expect(backoff.waitMs(1_500)).toBe(10_000);
  for (const nowMs of [11_500, 21_500, 31_500]) backoff.crashed(nowMs); // probes that fail as well
  expect(backoff.degraded).toBe(true);
  backoff.served();
  expect(backoff.degraded).toBe(false);
});

test("workers that somebody else kills are no crash loop, unless none of them ever serves", () => {
  const backoff = new Backoff();
  for (let n = 0; n < 100; n++) {
    backoff.killed(n);
    if (n % 10 === 9) backoff.served();
  }
  expect(backoff).toMatchObject({ degraded: false, troubled: false });
  for (let n = 0; n < 20; n++) backoff.killed(n);
  expect(backoff.troubled).toBe(false);
  for (let n = 0; n < 5; n++) backoff.killed(n);
  expect(backoff).toMatchObject({ degraded: true, troubled: true });
});
