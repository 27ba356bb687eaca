import { SnakepitError } from "snakepit";
import { expect, test } from "vitest";
import { Python } from "./python.ts";

/** What a call comes to when the pool answers it with this. */
function failed(reason: unknown, path: string, signal?: AbortSignal): Promise<unknown> {
  const refuse = () => Promise.reject(reason);
  const python = new Python({ execute: refuse, stream: refuse } as never);
  return python
    .call(path, [], signal === undefined ? {} : { signal })
    .catch((error: unknown) => error);
}

test.each([
  ["REMOTE", "ValueError in python.call: math domain error"],
  ["REMOTE", "KeyboardInterrupt in python.call"],
  ["TIMEOUT", "python.call was not answered within 50 ms"],
  ["WORKER_EXITED", "worker w1 exited with code 1 while it ran python.call"],
] as const)("an error of code %s names the function: %s", async (code, words) => {
  const cause = new Error("the cause");
  const reason = new SnakepitError<string>(code, words, {
    cause,
    outcome: "unknown",
    details: { type: "T" },
  });
  const error = await failed(reason, 'odd.$&"name');
  const named = words.replace("python.call", () => 'python.call("odd.$&\\"name")');
  expect(error).toBeInstanceOf(SnakepitError);
  expect(error).toMatchObject({
    code,
    message: `[${code}] ${named}`,
    outcome: "unknown",
    cause,
    details: { type: "T", path: 'odd.$&"name' },
  });
});

test("an error that speaks of no command stays as it is, with the path of its value", async () => {
  const reason = new SnakepitError("SERIALIZATION", "value.c (object) is of a type", {
    details: { path: "value.c", type: "object" },
  });
  expect(await failed(reason, "math.sqrt")).toBe(reason);
});

test("what a call was aborted with reaches its caller as it was", async () => {
  const reason = new SnakepitError("CANCELLED", "no python.call any more");
  expect(await failed(reason, "math.sqrt", AbortSignal.abort(reason))).toBe(reason);
});
