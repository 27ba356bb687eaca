import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createDspex, DspexError } from "dspex";
import { afterAll, afterEach, expect, test, vi } from "vitest";

const d = createDspex({ lm: "demo", minWorkers: 1, maxWorkers: 1 });
afterAll(() => d.close());
afterEach(() => {
  vi.unstubAllEnvs();
});

test("a model that is not there is MODEL_UNREACHABLE, with its address and what to do", async () => {
  const lm = { model: "openai/nothing", apiBase: "http://127.0.0.1:9/v1", apiKey: "sk-secret" };
  const error = await failure(d.ask("q", { lm, timeoutMs: 20_000 }));
  if (!DspexError.is(error, "MODEL_UNREACHABLE")) throw error;
  expect(error.details.model).toBe("openai/nothing");
  expect(error.details.endpoint).toContain("127.0.0.1:9");
  expect(error.message).toContain("openai/nothing");
  expect(error.message).toContain("http://127.0.0.1:9/v1");
  expect(error.message).toContain("apiBase");
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    expect(`${at.message}${JSON.stringify({ ...at })}${at.stack}`).not.toContain("sk-secret");
  }
});

test("a stream from a model that is not there fails in the same way", async () => {
  const lm = { model: "openai/nothing", apiBase: "http://127.0.0.1:9/v1" };
  const stream = d.predict("question -> answer").stream({ question: "q" }, { lm });
  const error = await failure(stream[Symbol.asyncIterator]().next());
  expect(DspexError.is(error, "MODEL_UNREACHABLE")).toBe(true);
});

test("a refused key is MODEL_AUTH, and the key of the environment reaches the provider", async () => {
  await using server = await provider((_body, authorization) => ({
    status: 401,
    body: { error: { message: `bad key: ${authorization}` } },
  }));
  vi.stubEnv("OPENAI_API_KEY", "sk-from-the-environment");
  const lm = { model: "openai/gpt-5-mini", apiBase: server.url };
  const error = await failure(d.ask("q", { lm }));
  expect(DspexError.is(error, "MODEL_AUTH")).toBe(true);
  expect(server.authorizations).toContain("Bearer sk-from-the-environment");
  expect((error as Error).message).not.toContain("sk-from-the-environment");
});

test("a rate limit is MODEL_RATE_LIMITED with the provider's delay", async () => {
  await using server = await provider(() => ({
    status: 429,
    headers: { "retry-after": "7" },
    body: { error: { message: "slow down" } },
  }));
  const lm = { model: "openai/gpt-5-mini", apiBase: server.url, apiKey: "k" };
  const error = await failure(d.ask("q", { lm }));
  if (!DspexError.is(error, "MODEL_RATE_LIMITED")) throw error;
  expect(error.details.retryAfterMs).toBe(7000);
});

test("an answer of the wrong type is OUTPUT_INVALID with field, type and text", async () => {
  await using server = await provider(() =>
    completion("[[ ## score ## ]]\nhigh\n\n[[ ## completed ## ]]"),
  );
  const lm = { model: "openai/gpt-5-mini", apiBase: server.url, apiKey: "k" };
  const error = await failure(d.predict("question -> score: float")({ question: "q" }, { lm }));
  if (!DspexError.is(error, "OUTPUT_INVALID")) throw error;
  expect(error.details).toMatchObject({
    model: "openai/gpt-5-mini",
    field: "score",
    expected: "float",
    received: expect.stringContaining("high"),
  });
});

test("a model behind an OpenAI-compatible address answers", async () => {
  await using server = await provider(() =>
    completion("[[ ## answer ## ]]\nforty-two\n\n[[ ## completed ## ]]"),
  );
  const lm = { model: "openai/local", apiBase: server.url, temperature: 0.5, maxTokens: 50 };
  expect(await d.ask("q", { lm })).toBe("forty-two");
  expect(server.bodies[0]).toMatchObject({ model: "local", temperature: 0.5 });
});

test("an abort answers with the caller's own reason, while the model is still thinking", async () => {
  await using server = await provider(() => "never");
  const lm = { model: "openai/slow", apiBase: server.url, apiKey: "k" };
  const abort = new AbortController();
  const reason = new Error("changed my mind");
  const call = failure(d.ask("q", { lm, signal: abort.signal }));
  await server.asked;
  abort.abort(reason);
  expect(await call).toBe(reason);
  await server.left;
});

test("a deadline ends a call that the model does not answer", async () => {
  await using server = await provider(() => "never");
  const lm = { model: "openai/slow", apiBase: server.url, apiKey: "k" };
  await d.ask("warm up");
  const error = await failure(d.ask("q", { lm, timeoutMs: 3_000 }));
  expect(DspexError.is(error, "TIMEOUT")).toBe(true);
  await server.asked;
  await server.left;
});

test("a malformed signature never reaches Python", () => {
  const signature: string = "question -> answer: os.system";
  expect(() => d.predict(signature)).toThrow(/INVALID_ARGUMENT.*unknown type os.system/);
});

async function failure(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    (value) => {
      throw new Error(`expected a failure, got ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
}

interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
}

function completion(content: string): Reply {
  return {
    body: {
      id: "c",
      object: "chat.completion",
      created: 0,
      model: "local",
      choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }],
      usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
    },
  };
}

/** A provider with OpenAI's interface, on this machine. `"never"` leaves the request open. */
async function provider(reply: (body: unknown, authorization: string) => Reply | "never") {
  const bodies: unknown[] = [];
  const authorizations: string[] = [];
  const asked = gate();
  const left = gate();
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (part) => {
      text += part;
    });
    request.on("end", () => {
      const body: unknown = JSON.parse(text);
      const authorization = request.headers.authorization ?? "";
      bodies.push(body);
      authorizations.push(authorization);
      response.on("close", left.open);
      asked.open();
      const answer = reply(body, authorization);
      if (answer === "never") return;
      response.writeHead(answer.status ?? 200, {
        "content-type": "application/json",
        ...answer.headers,
      });
      response.end(JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    bodies,
    authorizations,
    asked: asked.opened,
    left: left.opened,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}
