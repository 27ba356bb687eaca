import { expect, test } from "vitest";
import { createBridge } from "./bridge.ts";

test.each([
  [5, /options of createBridge must be an object, not 5/],
  [{ maxWorker: 3 }, /createBridge has no option maxWorker.*maxWorkers/],
  [{ transport: "carrier pigeon" }, /transport is "carrier pigeon", not socket or grpc/],
  [{ python: "python3" }, /python must be an object, not "python3"/],
  [{ python: { preloads: [] } }, /no option python.preloads; known are .*preload/],
  [{ python: { preload: "dspy" } }, /python.preload is "dspy", not a list of names/],
  [{ python: { path: ["/no/such/folder"] } }, /names \/no\/such\/folder, which does not exist/],
  [{ python: { env: { A: 1 } } }, /python.env.A is 1, not a string/],
  [{ python: { concurrency: 0 } }, /python.concurrency is 0, not a positive integer/],
  [{ python: { startMethod: "clone" } }, /startMethod is "clone", not fork or spawn/],
  [
    { python: { unknownObjects: "repr" } },
    /python.unknownObjects is "repr", not error or placeholder or ref/,
  ],
])("createBridge(%j) says what is wrong before anything starts", async (options, message) => {
  await expect(createBridge(options as never)).rejects.toMatchObject({
    code: "INVALID_OPTIONS",
    outcome: "not-started",
    message: expect.stringMatching(message),
  });
});

test("every problem is named at once", async () => {
  const options = { transport: "x", python: { concurrency: -1, extras: "dspy" } };
  const error = await createBridge(options as never).catch((reason: unknown) => String(reason));
  for (const part of ["transport", "python.concurrency", "python.extras"])
    expect(error).toContain(part);
});
