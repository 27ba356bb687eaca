import { type Bridge, SnakepitError } from "snakepit-grpc-bridge";
import { expect, test } from "vitest";
import { withOwnAdvice } from "./setup-advice.ts";

function failing(error: Error): () => Promise<Bridge> {
  return withOwnAdvice(() => Promise.reject(error));
}

test("a bridge that lacks its Python is told with the command of this package", async () => {
  const details = { reason: "adapter-open", stderr: "" } as const;
  const error = new SnakepitError(
    "WORKER_START_FAILED",
    "make it once with `npx snakepit-bridge setup --extra dspy --extra grpc` (or not)",
    { outcome: "not-started", details },
  );
  await expect(failing(error)()).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    message: "[WORKER_START_FAILED] make it once with `npx dspex setup --extra grpc` (or not)",
    outcome: "not-started",
    details,
    cause: error,
  });
});

test("any other failure is told as it is", async () => {
  const details = { reason: "exited", stderr: "" } as const;
  for (const error of [
    new Error("npx snakepit-bridge setup --extra dspy"),
    new SnakepitError("WORKER_START_FAILED", "worker w1 exited", { details }),
  ]) {
    await expect(failing(error)()).rejects.toBe(error);
  }
});
