import { stat } from "node:fs";
import { expect, test } from "vitest";
import { graceTimer } from "./grace-timer.ts";

test("news that came while the loop was blocked are seen before the grace is over", async () => {
  const order: string[] = [];
  const expired = new Promise<void>((resolve) => {
    graceTimer(100, () => {
      order.push("expired");
      resolve();
    });
  });
  stat("/", () => order.push("news"));
  const untilMs = performance.now() + 150;
  while (performance.now() < untilMs);
  await expired;
  expect(order).toEqual(["news", "expired"]);
});

test("a grace that was given up never ends", async () => {
  let expirations = 0;
  graceTimer(2, () => expirations++)[Symbol.dispose]();
  await new Promise<void>((resolve) => {
    graceTimer(20, resolve);
  });
  expect(expirations).toBe(0);
});
