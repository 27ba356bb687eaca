import { describe, expect, test } from "vitest";
import {
  checkIntegers,
  checkKinds,
  checkKnownKeys,
  closest,
  text,
  withDefaults,
} from "./check-options.ts";

describe("options", () => {
  test("an undefined option has its default", () => {
    expect(withDefaults({ a: 1, b: 2 }, { a: undefined, b: 3 })).toEqual({ a: 1, b: 3 });
  });

  test("only whole numbers in range pass, and Infinity where it means no limit", () => {
    const values = { workers: 1.5, queue: "3", callTimeoutMs: Infinity, calls: Infinity, size: -1 };
    const rules = {
      workers: 1,
      queue: 0,
      callTimeoutMs: 1,
      calls: { min: 1, orInfinity: true },
      size: { min: 0, orInfinity: true },
    };
    expect(checkIntegers(values, rules)).toEqual([
      "workers must be an integer of at least 1, not 1.5",
      'queue must be an integer of at least 0, not "3"',
      "size must be an integer of at least 0 or Infinity, not -1",
    ]);
  });

  test("an absent option is a problem only where it is required", () => {
    expect(checkKinds({}, { program: text })).toEqual([]);
    expect(checkKinds({}, { program: text }, ["program"])).toEqual([
      "program must be a string that is not empty, not undefined",
    ]);
  });

  test("an unknown option is named with the closest known one", () => {
    const known = ["minWorkers", "maxWorkers"];
    expect(checkKnownKeys("createPool", { minWorker: 1 }, known)).toEqual([
      'createPool has no option "minWorker"; meant minWorkers?',
    ]);
    expect(checkKnownKeys("createPool", { colour: 1 }, known)).toEqual([
      'createPool has no option "colour"; known are minWorkers, maxWorkers',
    ]);
    expect(checkKnownKeys("createPool", null, known)).toEqual([
      "the options of createPool must be an object, not null",
    ]);
  });

  test.for<[string, string[], string | undefined]>([
    ["timeoutMS", ["timeoutMs"], "timeoutMs"],
    ["ehco", ["add", "echo"], "echo"],
    ["ad", ["add", "and"], "add"],
    ["completely", ["different"], undefined],
    ["x", [], undefined],
    ["x".repeat(1_000), ["x".repeat(1_000)], undefined],
  ])("%s among %j means %s", ([word, candidates, match]) => {
    expect(closest(word, candidates)).toBe(match);
  });
});
