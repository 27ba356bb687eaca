import { expect, onTestFinished, test } from "vitest";
import type { Adapter } from "./adapter.ts";
import { createPool } from "./create-pool.ts";
import { SnakepitError } from "./errors.ts";
import { caught } from "./fixtures/caught.ts";
import { recorded } from "./fixtures/events.ts";
import { until } from "./fixtures/until.ts";
import { localLauncher } from "./local/local-launcher.ts";
import { nodeAdapter, processAdapter } from "./process/index.ts";
import { Redaction } from "./redact.ts";

const secret = "sk-live-123456";

function knowing(environment: Record<string, string>): Redaction {
  const redaction = new Redaction();
  redaction.learn(environment);
  return redaction;
}

test.each([
  "API_KEY",
  "OPENAI_API_KEY",
  "GITHUB_TOKEN",
  "TOKEN",
  "client_secret",
  "DB_PASSWORD",
  "MYSQL_PWD",
  "SMTP_PASS",
  "KEY_2",
  "GOOGLE_APPLICATION_CREDENTIALS_JSON",
  "SSH_PASSPHRASE",
])("the value of %s is a secret", (name) => {
  expect(knowing({ [name]: secret }).text(`with ${secret}!`)).toBe("with [redacted]!");
});

test.each(["PWD", "OLDPWD", "PATH", "HOME", "KEYBOARD", "TOKENIZERS_PARALLELISM", "KEY_FILE"])(
  "the value of %s is none",
  (name) => {
    expect(knowing({ [name]: secret }).text(secret)).toBe(secret);
  },
);

test("a value that stands in every text is left alone", () => {
  expect(knowing({ DEBUG_TOKEN: "1", A_KEY: "true" }).text("1 is true")).toBe("1 is true");
});

test("of two secrets of which one begins the other, nothing is left", () => {
  const redaction = knowing({ A_KEY: "abcdef", B_KEY: "abcdef-ghijkl" });
  expect(redaction.text("abcdef-ghijkl abcdef")).toBe("[redacted] [redacted]");
});

test("a key of several lines is hidden line by line", () => {
  const redaction = knowing({ TLS_KEY: "-----BEGIN-----\nMIIEvQIBADAN\n-----END KEY-----\n" });
  expect(redaction.text("read MIIEvQIBADAN")).toBe("read [redacted]");
});

test("the credentials of a URL are hidden, and the rest of it stays", () => {
  const redaction = new Redaction();
  expect(redaction.text("redis://ada:pa@ss@db:6379/0 or https://example.org/a@b")).toBe(
    "redis://[redacted]@db:6379/0 or https://example.org/a@b",
  );
});

test("a megabyte that looks like URLs is searched in one go", () => {
  // Where the search begins anew at each letter, this takes minutes.
  const text = "a.b-c+d://x ".repeat(100_000);
  expect(knowing({ A_KEY: secret }).text(text)).toBe(text);
});

test("an error without a secret stays itself", () => {
  const redaction = knowing({ A_KEY: secret });
  const error = new SnakepitError("REMOTE", "no", { cause: new Error("why") });
  expect(redaction.error(error)).toBe(error);
});

test("an error with a secret keeps its code, outcome and details, and where it was made", () => {
  const redaction = knowing({ A_KEY: secret });
  const cause = new TypeError(`bad ${secret}`, { cause: { deep: [secret] } });
  const error = new SnakepitError<string>("MODEL_AUTH", `refused ${secret}`, {
    cause,
    outcome: "not-started",
    details: { type: "E", nested: { traceback: `x ${secret}` }, count: 1 },
  });
  const clean = redaction.error(error);
  expect(SnakepitError.is(clean)).toBe(true);
  expect(clean).toMatchObject({
    code: "MODEL_AUTH",
    message: "[MODEL_AUTH] refused [redacted]",
    outcome: "not-started",
    details: { type: "E", nested: { traceback: "x [redacted]" }, count: 1 },
    cause: { name: "TypeError", message: "bad [redacted]", cause: { deep: ["[redacted]"] } },
  });
  expect(clean.stack).toContain("redact.test.ts");
  expect(clean.stack).not.toContain(secret);
});

test("an error that is its own cause has an end", () => {
  const redaction = knowing({ A_KEY: secret });
  const error = new Error(`with ${secret}`);
  error.cause = error;
  expect(redaction.error(error).message).toBe("with [redacted]");
});

/** A worker that says its secret in every way that a worker has. */
function leaky(env: Record<string, string>, program: string): Adapter {
  return processAdapter({ program: "sh", args: ["-c", program], env, protocol: "json-lines" });
}

test("what a worker writes before it fails to start does not show the secrets in its environment", async () => {
  const adapter = leaky(
    { SERVICE_TOKEN: secret },
    'echo "cannot log in with $SERVICE_TOKEN" >&2; exit 1',
  );
  const error = await caught(createPool({ adapter, maxWorkers: 1 }));
  expect(error.message).toContain("cannot log in with [redacted]");
  expect(JSON.stringify([error.details, error.stack])).not.toContain(secret);
});

test("what a dying worker wrote, in errors, events and its description, does not show them either", async () => {
  const script = new URL("fixtures/leaky-worker.mjs", import.meta.url).pathname;
  const adapter = nodeAdapter({ script, env: { SERVICE_TOKEN: secret } });
  await using pool = await createPool({ adapter, minWorkers: 1, maxWorkers: 1 });
  const events = recorded(pool);
  const remote = await caught(pool.execute("fail"));
  expect(remote.message).toContain("[redacted]");
  await until(() => pool.workers().some(({ stderr }) => stderr.includes("[redacted]")));
  await until(() => events.some(({ name }) => name === "worker-log"));
  const died = await caught(pool.execute("die"));
  expect(died.message).toContain("[redacted]");
  await until(() => events.some(({ name }) => name === "worker-stopped"));
  const told = JSON.stringify([remote, died, remote.stack, died.stack, events, pool.workers()]);
  expect(told).not.toContain(secret);
  // The worker itself has it, and may answer with it: a reply is the caller's own business.
  expect(await pool.execute("secret")).toBe(secret);
});

test("a secret that the host hands down is one as well", async () => {
  process.env["SNAKEPIT_TEST_PASSWORD"] = secret;
  onTestFinished(() => void delete process.env["SNAKEPIT_TEST_PASSWORD"]);
  const launcher = localLauncher({ inheritEnv: ["SNAKEPIT_TEST_PASSWORD"] });
  const adapter = leaky({}, 'echo "it is $SNAKEPIT_TEST_PASSWORD" >&2; exit 1');
  const error = await caught(createPool({ adapter, launcher, maxWorkers: 1 }));
  expect(error.message).toContain("it is [redacted]");
  expect(error.message).not.toContain(secret);
});
