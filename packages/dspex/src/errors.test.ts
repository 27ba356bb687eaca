import { SnakepitError } from "snakepit-grpc-bridge";
import { expect, test } from "vitest";
import { callError, DspexError, withoutCredentials } from "./errors.ts";

const settings = {
  model: "openai/x",
  apiBase: "http://user:password@127.0.0.1:9/v1?token=t",
  apiKey: "sk-do-not-print-me",
};

/** As the bridge reports a failure that Python has named. */
function remote(code: string, message: string, details: Record<string, unknown> = {}) {
  return new SnakepitError("REMOTE", message, {
    details: { type: "BridgeError", message, traceback: "…", ...{ code, ...details } },
  });
}

test("a model's failure names the model, the endpoint and the fix", () => {
  const error = callError(remote("MODEL_AUTH", "the key was refused"), settings);
  expect(error).toBeInstanceOf(DspexError);
  expect(error).toMatchObject({
    name: "DspexError",
    code: "MODEL_AUTH",
    outcome: "failed",
    details: { model: "openai/x", endpoint: "http://127.0.0.1:9/v1" },
  });
  expect((error as Error).message).toBe(
    "[MODEL_AUTH] the key was refused (model openai/x at http://127.0.0.1:9/v1); " +
      "the key is the setting apiKey, else DSPEX_API_KEY, else OPENAI_API_KEY",
  );
});

test("what Python knows of the failure is kept, and its error is the cause", () => {
  const cause = remote("MODEL_RATE_LIMITED", "slow down", {
    retryAfterMs: 1500,
    model: "openai/y",
  });
  const error = callError(cause, settings);
  if (!DspexError.is(error, "MODEL_RATE_LIMITED")) throw new Error("not recognised");
  expect(error.details.retryAfterMs).toBe(1500);
  expect(error.details.model).toBe("openai/y");
  expect(error.details).not.toHaveProperty("traceback");
  expect(error.cause).toBe(cause);
});

test("other failures stay what they are", () => {
  const abort = new Error("changed my mind");
  const timeout = new SnakepitError("TIMEOUT", "no answer", { details: { timeoutMs: 5 } });
  const python = new SnakepitError("REMOTE", "ValueError: x", {
    details: { type: "ValueError", message: "x" },
  });
  for (const error of [abort, timeout, python, "text", undefined]) {
    expect(callError(error, settings)).toBe(error);
  }
});

test.each([
  remote("MODEL_AUTH", `401 for ${settings.apiKey}`),
  remote("MODEL_REFUSED", "no", { body: [{ header: `Bearer ${settings.apiKey}` }] }),
  new SnakepitError("REMOTE", `ValueError: ${settings.apiKey}`, {
    details: { type: "ValueError", message: settings.apiKey, traceback: settings.apiKey },
  }),
  new SnakepitError("TIMEOUT", "no answer", {
    cause: new Error("outer", { cause: new Error(settings.apiKey) }),
    details: { timeoutMs: 5 },
  }),
])("the key is in no text of an error (%#)", (cause) => {
  const error = callError(cause, settings) as SnakepitError;
  const texts: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    texts.push(at.message, JSON.stringify({ ...at }), at.stack ?? "");
  }
  expect(texts.join()).not.toContain(settings.apiKey);
});

test("an address is shown without user, password and query", () => {
  expect(withoutCredentials("https://me:secret@host:1/v1?key=k#f")).toBe("https://host:1/v1");
  expect(withoutCredentials("https://api.example.com")).toBe("https://api.example.com");
  expect(withoutCredentials("secret")).toBe("(not a valid address)");
});

test("errors of another installed version are recognised", () => {
  const foreign = Object.assign(new Error("x"), { code: "MODEL_AUTH", details: {} });
  for (const name of ["snakepit.error", "dspex.error"]) {
    Object.defineProperty(foreign, Symbol.for(name), { value: true });
  }
  expect(DspexError.is(foreign)).toBe(true);
  expect(DspexError.is(foreign, "MODEL_AUTH")).toBe(true);
  expect(DspexError.is(foreign, "MODEL_REFUSED")).toBe(false);
  expect(SnakepitError.is(foreign)).toBe(true);
});

test("one function recognises the codes of both classes", () => {
  const late: unknown = new SnakepitError("TIMEOUT", "x", { details: { timeoutMs: 7 } });
  if (!DspexError.is(late, "TIMEOUT")) throw new Error("not recognised");
  const timeoutMs: number = late.details.timeoutMs;
  expect(timeoutMs).toBe(7);
  expect(DspexError.is(late, "MODEL_AUTH")).toBe(false);
  expect(DspexError.is(late)).toBe(false);
  expect(DspexError.is(undefined)).toBe(false);
});
