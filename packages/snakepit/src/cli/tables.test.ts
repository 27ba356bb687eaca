import { expect, test } from "vitest";
import type { ApplicationReport } from "../inspect/protocol.ts";
import { bytes, duration, milliseconds, perSecond } from "./measures.ts";
import { clean, table } from "./output.ts";
import { poolRates } from "./rates.ts";
import { commandTable } from "./tables.ts";

test.each([
  [bytes(0), "0 B"],
  [bytes(1_023), "1023 B"],
  [bytes(1_024), "1.0 KiB"],
  [bytes(97 * 2 ** 20), "97 MiB"],
  [bytes(3 * 2 ** 50), "3072 TiB"],
  [bytes(undefined), "-"],
  [duration(59_999), "59 s"],
  [duration(60_000), "1 min 0 s"],
  [duration(3_600_000 * 25), "1 d 1 h"],
  [duration(-5), "0 s"],
  [duration(Number.POSITIVE_INFINITY), "-"],
  [perSecond(0), "0/s"],
  [perSecond(9.94), "9.9/s"],
  [perSecond(1_234.5), "1,235/s"],
  [milliseconds(0.25), "0.25 ms"],
  [milliseconds(12.34), "12.3 ms"],
])("a measure is %j", ({ text }, expected) => {
  expect(text).toBe(expected);
});

test("numbers stand at the right and words at the left, with no lines around them", () => {
  const rows = [
    ["short", 5],
    ["a longer one", 1_234],
  ];
  expect(table(["name", "calls"], rows)).toEqual([
    "name          calls",
    "short             5",
    "a longer one  1,234",
  ]);
});

test("what an application is called moves nobody's cursor", () => {
  expect(clean("\x1b[2Jname\r\n\x9b")).toBe("\uFFFD[2Jname\uFFFD\uFFFD\uFFFD");
});

const report = (atMs: number, succeeded: number, failed: number) =>
  ({ atMs, pools: [{ name: "a", stats: { succeeded, failed } }] }) as unknown as ApplicationReport;

test("a rate is what has changed between two looks, by the clock of the application", () => {
  const before = report(1_000, 10, 0);
  const now = report(3_000, 24, 2);
  const [pool] = now.pools;
  if (pool === undefined) throw new Error("no pool");
  expect(poolRates(pool, now, before)).toEqual({ callsPerSecond: 8, failuresPerSecond: 1 });
  expect(poolRates(pool, now, undefined).callsPerSecond).toBeUndefined();
  // It has been made anew in between: nothing is ever negative.
  expect(poolRates(pool, now, report(2_000, 500, 9)).callsPerSecond).toBe(0);
});

test("the commands that were called most are shown, where the pool counts them", () => {
  const pool = (commands: unknown) => ({ stats: { commands } }) as never;
  const counts = { add: { calls: 5, errors: 0, p50Ms: 0.5 }, fit: { calls: 9, errors: 1 } };
  expect(commandTable(pool(counts), 8)).toEqual([
    "command  calls  errors     p50  p95  p99  longest",
    "fit          9       1       -    -    -        -",
    "add          5       0  0.5 ms    -    -        -",
  ]);
  expect(commandTable(pool(counts), 1)).toHaveLength(2);
  expect(commandTable(pool(undefined), 8)).toEqual([]);
});
