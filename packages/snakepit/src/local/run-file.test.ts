import { expect, test } from "vitest";
import { parseRunFile, runLine, workerLine } from "./run-file.ts";

const run = {
  runId: "r1",
  ownerPid: 4711,
  ownerStartedAt: "100",
  bootId: "boot",
  pidNamespace: "pid:[1]",
};
const worker = { pid: 4712, startedAt: "101" };

test("a run's file says what was written into it", () => {
  const file = parseRunFile(runLine(run) + workerLine(worker));
  expect(file?.run).toMatchObject(run);
  expect(file?.workers).toEqual([{ ...worker, runId: "r1" }]);
});

test("a torn line costs nobody but itself", () => {
  const torn = workerLine(worker).slice(0, -5);
  const next = { pid: 4713, startedAt: "102" };
  const file = parseRunFile(runLine(run) + torn + workerLine(next) + torn);
  expect(file?.workers).toEqual([{ ...next, runId: "r1" }]);
});

test.for([
  '{"pid":0,"startedAt":"1"}',
  '{"pid":1,"startedAt":"1"}',
  '{"pid":-4712,"startedAt":"1"}',
  '{"pid":4712.5,"startedAt":"1"}',
  '{"pid":"4712","startedAt":"1"}',
  '{"pid":4712}',
  '{"pid":4712,"startedAt":""}',
  "[4712]",
  "null",
  "\0\xff garbage",
])("%s is no worker", (line) => {
  expect(parseRunFile(`${runLine(run)}${line}\n`)?.workers).toEqual([]);
});

test("a file that does not name its owner says nothing", () => {
  expect(parseRunFile("")).toBeUndefined();
  expect(parseRunFile(workerLine(worker))).toBeUndefined();
  expect(parseRunFile(runLine(run).slice(0, -4))).toBeUndefined();
  expect(parseRunFile(runLine({ ...run, ownerPid: 0 }))).toBeUndefined();
  expect(parseRunFile(runLine({ ...run, runId: "" }))).toBeUndefined();
  expect(parseRunFile(runLine(run).replace('"format":1', '"format":2'))).toBeUndefined();
});
