import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { SnakepitError } from "snakepit";
import { expect, onTestFinished, test } from "vitest";
import { errorFrom, serveStatuses } from "../../packages/grpc-bridge/src/fixtures/status-peer.ts";
import { codeOfStatus, statusOf, statusOfCode } from "../../packages/grpc-bridge/src/status.ts";
import { pythonFolder, temporaryFolder, workersPython } from "./workspace.ts";

/** gRPC's names, in the order of its numbers. */
const names =
  "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED".split(
    " ",
  );

function peer(role: "client" | "server", target: string): ChildProcessWithoutNullStreams {
  const script = join(pythonFolder, "grpc_statuses.py");
  const child = spawn(workersPython(), [script, role, target]);
  child.stderr.pipe(process.stderr);
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

function sample(code: string): SnakepitError<string> {
  return new SnakepitError<string>(code, `something of ${code}: 'ä' and "…"`, {
    outcome: "not-started",
    details: { number: 7, list: ["a", null], nested: { text: "ü" } },
  });
}

test("each error code reaches a Python client as its gRPC status, with all that belongs to it", async () => {
  const target = `unix:${temporaryFolder()}/s`;
  await using _ = await serveStatuses(target, (code) => statusOf(sample(code)));
  const client = peer("client", target);
  const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
  for (const [code, status] of Object.entries(statusOfCode)) {
    client.stdin.write(`${code}\n`);
    const { value } = await lines.next();
    const { message, outcome, details } = sample(code);
    const plain = message.replace(`[${code}] `, "");
    expect(JSON.parse(value)).toEqual({
      status: names[status],
      text: plain,
      code,
      message: plain,
      outcome,
      details,
    });
  }
});

test("details that gRPC's metadata has no room for are left out, and the rest arrives", async () => {
  const target = `unix:${temporaryFolder()}/s`;
  const error = new SnakepitError<string>("REMOTE", "x".repeat(100_000), {
    details: { traceback: "y".repeat(100_000) },
  });
  await using _ = await serveStatuses(target, () => statusOf(error));
  const client = peer("client", target);
  client.stdin.write("any\n");
  const { value } = await createInterface({ input: client.stdout })[Symbol.asyncIterator]().next();
  expect(JSON.parse(value)).toMatchObject({
    status: "UNKNOWN",
    code: "REMOTE",
    outcome: "failed",
    message: "x".repeat(1_000),
    details: {},
  });
});

test("each status of a Python server is one of our errors, and with our detail exactly ours", async () => {
  const target = `unix:${temporaryFolder()}/s`;
  peer("server", target);
  const answer = (asked: unknown) => errorFrom(target, JSON.stringify(asked));
  for (const [number, code] of Object.entries(codeOfStatus)) {
    const status = names[Number(number)];
    expect(await answer({ status, text: "why" })).toMatchObject({
      code,
      outcome: "unknown",
      message: `[${code}] gRPC ${status}: why`,
      details: { status },
    });
  }
  for (const [code, status] of Object.entries(statusOfCode)) {
    const { message, outcome, details } = sample(code);
    const plain = message.replace(`[${code}] `, "");
    const detail = { code, message: plain, outcome, details: JSON.stringify(details) };
    const error = await answer({ status: names[status], text: "less", detail });
    expect(error).toMatchObject({ code, message, outcome, details });
    expect(error.retryable).toBe(true);
  }
});

test("of a peer whose detail is none we believe what can be read", async () => {
  const target = `unix:${temporaryFolder()}/s`;
  peer("server", target);
  for (const [detail, code] of [
    ["not one of ours", "VALUE_TOO_LARGE"],
    [{ code: "NOBODY" }, "VALUE_TOO_LARGE"],
    [{ code: "constructor" }, "VALUE_TOO_LARGE"],
    [{ code: "REMOTE" }, "REMOTE"], // without an outcome
    [{ code: "REMOTE", details: "{" }, "REMOTE"],
    [{ code: "REMOTE", details: "7" }, "REMOTE"],
  ] as const) {
    const asked = { status: "RESOURCE_EXHAUSTED", text: "full", detail };
    const error = await errorFrom(target, JSON.stringify(asked));
    expect(error).toMatchObject({ code, outcome: "unknown", details: expect.any(Object) });
  }
});
