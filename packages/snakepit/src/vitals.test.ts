import { expect, test } from "vitest";
import { Vitals } from "./vitals.ts";

const options = { heartbeatMs: 5_000, hungMs: 15_000, hungKillMs: 60_000 };

/** What is concluded at each second of a silence, from its start. */
function silence(seconds: number, canAnswer = true): string[] {
  const vitals = new Vitals(options);
  const look = () => vitals.look({ heardMs: 1, canAnswer, ranMs: 1_000 });
  look();
  return Array.from({ length: seconds }, look);
}

test("silence is asked about, then suspect, then hung, then the end", () => {
  const verdicts = silence(80);
  const first = (verdict: string) => verdicts.indexOf(verdict) + 1;
  expect(first("ask")).toBe(5);
  expect(first("suspect")).toBe(10);
  expect(first("hung")).toBe(15);
  expect(first("lost")).toBe(75);
});

test("a worker that cannot answer while it works is not accused of silence", () => {
  expect(new Set(silence(80, false))).toEqual(new Set(["well"]));
});

test("anything heard ends the silence", () => {
  const vitals = new Vitals(options);
  const look = (heardMs: number) => vitals.look({ heardMs, canAnswer: true, ranMs: 20_000 });
  look(1);
  expect(look(1)).toBe("hung");
  expect(look(2)).toBe("well");
});

test("a host that did not run has not listened", () => {
  const vitals = new Vitals(options);
  vitals.look({ heardMs: 1, canAnswer: true, ranMs: 0 });
  // However long it was halted, it says that it ran for two ticks at most.
  for (let n = 0; n < 4; n++) {
    expect(vitals.look({ heardMs: 1, canAnswer: true, ranMs: 1_000 })).toBe("well");
  }
});
