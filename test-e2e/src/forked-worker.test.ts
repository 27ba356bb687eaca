/** A forked worker was started by nobody we know of: what still ties it to its host. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { processesMarked, testBridge } from "./workspace.ts";

test("a forked worker carries the mark of its run, by which a later start would find it", async () => {
  const bridge = await testBridge();
  const pid = (await bridge.execute("e2e.pid")) as number;
  const parent = (await bridge.python.call("os.getppid")) as number;
  const mark = /^SNAKEPIT_RUN=[0-9a-f-]{36}$/;
  const own = readFileSync(`/proc/${pid}/environ`, "utf8")
    .split("\0")
    .find((it) => mark.test(it));
  expect(own).toMatch(mark);
  expect(parent).not.toBe(process.pid); // it was forked
  expect(processesMarked(own ?? "")).toEqual(expect.arrayContaining([pid, parent]));
});
