import { expect, test } from "vitest";
import { CommandStatistics } from "./command-statistics.ts";

test("beyond a thousand commands all further ones are counted together", () => {
  const statistics = new CommandStatistics();
  for (let n = 0; n < 5_000; n++) statistics.of(`command-${n}`).calls++;
  const report = statistics.report();
  expect(Object.keys(report)).toHaveLength(1_000);
  expect(report["other"]).toMatchObject({ calls: 5_000 - 999 });
  expect(report["command-998"]).toMatchObject({ calls: 1 });
});

test("a command of any name is counted as that", () => {
  const statistics = new CommandStatistics();
  for (const name of ["__proto__", "constructor", ""]) statistics.of(name).calls++;
  const report = statistics.report();
  expect(Object.keys(report).sort()).toEqual(["", "__proto__", "constructor"]);
});

test("the first thousand quick calls are all measured, and then each stands for sixteen", () => {
  const record = new CommandStatistics().of("echo");
  const samples: number[] = [];
  for (let n = 0; n < 1_000 + 160; n++) {
    record.calls++;
    samples.push(record.sample());
  }
  expect(samples.slice(0, 1_000)).toEqual(Array(1_000).fill(1));
  expect(samples.slice(1_000).filter((times) => times > 0)).toEqual(Array(10).fill(16));
  expect(samples.reduce((sum, times) => sum + times, 0)).toBe(1_160);
});
