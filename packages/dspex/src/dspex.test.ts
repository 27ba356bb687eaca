import type {
  Bridge,
  BridgeOptions,
  CallOptions,
  PredictArgs,
  PredictChunk,
} from "snakepit-grpc-bridge";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createClient, createDspex, type Dspex } from "./dspex.ts";
import type { DspexOptions, DspyBridge } from "./settings.ts";

// These tests are about what reaches the bridge and what is made of its answers; the answers of
// models are the affair of the end-to-end tests.

beforeEach(() => {
  vi.stubEnv("DSPEX_LM", "");
  vi.stubEnv("NODE_ENV", "test");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** A bridge that answers with what the test says, and remembers what it was asked. */
function recorder(outputs: Record<string, unknown> = {}, chunks: PredictChunk[] = []) {
  const asked: PredictArgs[] = [];
  const called: CallOptions[] = [];
  const usage = { model: "demo", inputTokens: 1, outputTokens: 2 };
  let returned = false;
  const bridge: DspyBridge = {
    dspy: {
      async predict(args, options = {}) {
        asked.push(args);
        called.push(options);
        return { outputs, usage };
      },
      async *predictStream(args) {
        asked.push(args);
        try {
          yield* chunks;
          yield { final: { outputs, usage } };
        } finally {
          returned = true;
        }
      },
    },
  };
  return { bridge, asked, called, wasReturned: () => returned };
}

function client(bridge: DspyBridge, options: DspexOptions = {}): Dspex {
  return createDspex({ bridge, lm: "demo", ...options });
}

test("each verb sends its signature and gives back its one answer", async () => {
  const { bridge, asked } = recorder({
    answer: "a",
    label: "bug",
    summary: "s",
    text: "t",
    entities: { People: ["Ada"] },
  });
  const { ask, classify, summarize, extractEntities, generate, answerWithContext } = client(bridge);
  expect(await ask("why?")).toBe("a");
  expect(await classify("it broke", ["bug", "question"])).toBe("bug");
  expect(await summarize("long", { maxLength: 7 })).toBe("s");
  expect(await extractEntities("Ada", { types: ["people", "places"] })).toEqual({
    people: ["Ada"],
    places: [],
  });
  expect(await generate("write", { style: "formal", length: 50 })).toBe("t");
  expect(await answerWithContext("why?", "because")).toBe("a");
  expect(asked.map(({ inputs }) => inputs)).toEqual([
    { question: "why?" },
    { text: "it broke" },
    { text: "long", max_words: 7 },
    { text: "Ada", types: ["people", "places"] },
    { prompt: "write", style: "formal", length: "50 words" },
    { question: "why?", context: ["because"] },
  ]);
  expect(asked.every(({ program }) => program.module === "Predict")).toBe(true);
});

test("reasoning is asked of ChainOfThought and comes back beside the answer", async () => {
  const { bridge, asked } = recorder({ answer: "a", reasoning: "since" });
  const answer = await client(bridge).ask("why?", { reasoning: true });
  expect(answer).toEqual({ reasoning: "since", answer: "a" });
  expect(asked[0]?.program.module).toBe("ChainOfThought");
});

test("a label may hold any character", async () => {
  const label = `it's "a, b" -> [c]`;
  const { bridge } = recorder({ label });
  expect(await client(bridge).classify("x", [label, "other"])).toBe(label);
});

const d = client(recorder().bridge);
// biome-ignore lint/suspicious/noExplicitAny: callers without types are whom these checks are for
const untyped = d as any;
test.each<[string, () => unknown, string]>([
  ["ask", () => untyped.ask(7), "question must be a string; got 7"],
  ["ask", () => untyped.ask("  "), "question is empty"],
  ["ask", () => untyped.ask("q", { reason: true }), "ask has no reason"],
  ["ask", () => untyped.ask("q", { reasoning: 1 }), "reasoning must be true or false; got 1"],
  ["ask", () => untyped.ask("q", { timeoutMs: 0 }), "timeoutMs must be a number of milliseconds"],
  ["ask", () => untyped.ask("q", { signal: {} }), "signal must be an AbortSignal; got {}"],
  ["ask", () => untyped.ask("q", { adapter: "yaml" }), 'one of chat, json, xml; got "yaml"'],
  ["ask", () => untyped.ask("q", { lm: "gpt-5" }), 'did you mean "openai/gpt-5"?'],
  ["ask", () => untyped.ask("q", "fast"), 'the options of ask must be an object; got "fast"'],
  ["classify", () => d.classify("x", []), "labels is empty"],
  ["classify", () => d.classify("x", ["a", "b", "a"]), 'labels[2] repeats labels[0], "a"'],
  ["classify", () => d.classify("x", ["a", " "]), "labels[1] is empty"],
  ["classify", () => untyped.classify("x", "a"), "labels must be an array of strings"],
  ["summarize", () => d.summarize("x", { maxLength: 0 }), "maxLength must be a whole number"],
  ["summarize", () => d.summarize("x", { maxLength: Number.NaN }), "got NaN"],
  ["summarize", () => untyped.summarize("x", { maxlength: 9 }), "did you mean maxLength?"],
  ["extractEntities", () => untyped.extractEntities("x"), "types must be an array"],
  ["extractEntities", () => d.extractEntities("x", { types: [] }), "types is empty"],
  ["generate", () => d.generate("x", { length: -1 }), "length must be a whole number"],
  ["generate", () => d.generate("x", { style: "" }), "style is empty"],
  ["answerWithContext", () => d.answerWithContext("x", []), "context is empty"],
  ["answerWithContext", () => d.answerWithContext("x", ["a", ""]), "context[1] is empty"],
  ["answerWithContext", () => untyped.answerWithContext("x", 7), "context must be a string"],
])("%s refuses a wrong argument (%#)", async (_verb, act, message) => {
  const error = await Promise.resolve(act()).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: "INVALID_ARGUMENT", outcome: "not-started" });
  expect((error as Error).message).toContain(message);
});

test("a predictor gives typed outputs in the signature's order, as an ordinary object", async () => {
  const answered = Object.assign(Object.create(null), { score: 0.5, extra: 1, answer: "a" });
  const qa = client(recorder(answered).bridge).predict("question -> answer, score: float");
  const outputs = await qa({ question: "q" });
  const score: number = outputs.score;
  expect(score).toBe(0.5);
  expect(JSON.stringify(outputs)).toBe('{"answer":"a","score":0.5}');
  expect(Object.getPrototypeOf(outputs)).toBe(Object.prototype);
});

test("an output of another type than the signature says is an OUTPUT_INVALID", async () => {
  const qa = client(recorder({ score: "high" }).bridge).predict("question -> score: float");
  await expect(qa({ question: "q" })).rejects.toMatchObject({
    code: "OUTPUT_INVALID",
    details: { model: "demo", field: "score", expected: "float", received: '"high"' },
  });
});

test("run adds the usage, and onUsage hears of it from every verb", async () => {
  const { bridge } = recorder({ answer: "a" });
  const used: unknown[] = [];
  const d = client(bridge);
  const { outputs, usage } = await d.predict("question -> answer").run({ question: "q" });
  expect(outputs).toEqual({ answer: "a" });
  expect(usage).toEqual({ model: "demo", inputTokens: 1, outputTokens: 2 });
  await d.ask("q", { onUsage: (one) => used.push(one) });
  expect(used).toEqual([usage]);
});

test("a stream gives the deltas and then the final value", async () => {
  const { bridge } = recorder({ answer: "ab" }, [
    { field: "answer", delta: "a" },
    { field: "answer", delta: "b" },
  ]);
  const events: unknown[] = [];
  for await (const event of client(bridge).predict("q -> answer").stream({ q: "q" })) {
    if (event.type === "delta") {
      const field: "answer" = event.field;
      events.push([field, event.delta]);
    } else events.push(event.final);
  }
  expect(events).toEqual([["answer", "a"], ["answer", "b"], { answer: "ab" }]);
});

test("leaving a stream ends the call", async () => {
  const { bridge, wasReturned } = recorder({ answer: "a" }, [{ field: "answer", delta: "a" }]);
  for await (const _event of client(bridge).predict("q -> answer").stream({ q: "q" })) break;
  expect(wasReturned()).toBe(true);
});

test("inputs are checked before anything is sent", async () => {
  const { bridge, asked } = recorder();
  const qa = client(bridge).predict("question, context: list[str] -> answer");
  // @ts-expect-error context is missing
  await expect(qa({ question: "q" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  // @ts-expect-error context is a list
  await expect(qa({ question: "q", context: "c" })).rejects.toThrow("context must be list[str]");
  const first = qa
    .stream({ question: 1, context: [] } as never)
    [Symbol.asyncIterator]()
    .next();
  await expect(first).rejects.toThrow("question must be str");
  expect(asked).toEqual([]);
});

test("a malformed signature is refused when the predictor is made, and the compiler knows", () => {
  const d = client(recorder().bridge);
  // @ts-expect-error unknown type strng
  expect(() => d.predict("question -> answer: strng")).toThrow(/INVALID_ARGUMENT.*offset 20/);
  // @ts-expect-error not a signature
  expect(() => d.predict(7)).toThrow(/INVALID_ARGUMENT.*a signature is a string/);
});

test("ChainOfThought adds reasoning, and refuses a signature that has it already", async () => {
  const { bridge, asked } = recorder({ reasoning: "r", answer: "a" });
  const think = client(bridge).chainOfThought("question -> answer");
  const { reasoning, answer } = await think({ question: "q" });
  expect([reasoning, answer]).toEqual(["r", "a"]);
  expect(asked[0]?.program.signature.outputs.map(({ name }) => name)).toEqual(["answer"]);
  expect(() => client(bridge).chainOfThought("question -> reasoning, answer")).toThrow(
    /SIGNATURE_INVALID/,
  );
});

test("an output of one's own may be called reasoning", async () => {
  const { bridge } = recorder({ reasoning: "r", answer: "a" });
  const qa = client(bridge).predict("question -> reasoning, answer");
  expect(await qa({ question: "q" })).toEqual({ reasoning: "r", answer: "a" });
});

test("the call goes before the module, the module before the client", async () => {
  const { bridge, asked } = recorder({ answer: "a" });
  const d = client(bridge, { lm: "openai/client", adapter: "json" });
  const qa = d.predict("q -> answer", { lm: "openai/module", instructions: "Be brief." });
  await d.ask("q");
  await qa({ q: "q" });
  await qa({ q: "q" }, { lm: "openai/call", adapter: "xml" });
  expect(asked.map(({ lm, adapter }) => [lm.model, adapter])).toEqual([
    ["openai/client", "json"],
    ["openai/module", "json"],
    ["openai/call", "xml"],
  ]);
  expect(asked[1]?.program.signature.instructions).toBe("Be brief.");
});

test("a deadline of the call replaces the client's", async () => {
  const { bridge, called } = recorder({ answer: "a" });
  const d = client(bridge, { timeoutMs: 5_000 });
  const { signal } = new AbortController();
  await d.ask("q");
  await d.ask("q", { timeoutMs: 60_000, signal });
  await client(bridge).ask("q");
  expect(called).toEqual([{ timeoutMs: 5_000 }, { timeoutMs: 60_000, signal }, {}]);
});

test("configure replaces what it names, for later calls and for predictors made before", async () => {
  const { bridge, asked } = recorder({ answer: "a" });
  const d = client(bridge, { adapter: "json" });
  const qa = d.predict("q -> answer");
  d.configure({ lm: "openai/later" });
  await qa({ q: "q" });
  d.configure({ lm: "openai/last", adapter: undefined });
  await qa({ q: "q" });
  expect(asked.map(({ lm, adapter }) => [lm.model, adapter])).toEqual([
    ["openai/later", "json"],
    ["openai/last", undefined],
  ]);
});

test("only other options of the workers make another pool, and every pool has DSPy", async () => {
  const started: BridgeOptions[] = [];
  const start = async (options: BridgeOptions = {}) => {
    started.push(options);
    return { ...recorder({ answer: "a" }).bridge, close: async () => {} } as unknown as Bridge;
  };
  const { dspex: d } = createClient({ lm: "demo", maxWorkers: 2 }, start);
  await d.ask("q");
  d.configure({ lm: "openai/x", adapter: "json", timeoutMs: 9_000 });
  d.configure({ maxWorkers: 2 });
  await d.ask("q");
  expect(started).toHaveLength(1);
  d.configure({ python: { extras: ["torch"], env: { A: "1" } } });
  await d.ask("q");
  const dspy = { extras: ["dspy"], preload: ["snakepit_bridge.dspy"] };
  expect(started).toEqual([
    { maxWorkers: 2, python: dspy },
    { maxWorkers: 2, python: { ...dspy, extras: ["dspy", "torch"], env: { A: "1" } } },
  ]);
  await d.close();
});

test("in production an unconfigured client asks nobody", async () => {
  vi.stubEnv("NODE_ENV", "production");
  const { bridge, asked } = recorder({ answer: "a" });
  const d = createDspex({ bridge });
  await expect(d.ask("q")).rejects.toMatchObject({ code: "MODEL_NOT_CONFIGURED" });
  expect(asked).toEqual([]);
  expect(await d.ask("q", { lm: "demo" })).toBe("a");
});

test("options are checked at once, by name", () => {
  const { bridge } = recorder();
  const make = (options: unknown) => () => createDspex(options as DspexOptions);
  expect(make({ model: "openai/x" })).toThrow(/INVALID_OPTIONS.*createDspex has no model/);
  expect(make({ maxworkers: 2 })).toThrow("did you mean maxWorkers?");
  expect(make({ lm: "gpt-5" })).toThrow('did you mean "openai/gpt-5"?');
  expect(make({ bridge, maxWorkers: 2 })).toThrow("maxWorkers cannot be set for a bridge");
  expect(make({ bridge: {} })).toThrow("bridge must be what createBridge() made");
  expect(make(7)).toThrow("createDspex takes an object; got 7");
});

test("a caller who has already given up is told so by their own reason", async () => {
  const { bridge, asked } = recorder({ answer: "a" });
  const reason = new Error("changed my mind");
  const call = client(bridge).ask("q", { signal: AbortSignal.abort(reason) });
  await expect(call).rejects.toBe(reason);
  expect(asked).toEqual([]);
});

test("closing leaves a borrowed bridge alone and takes no new calls", async () => {
  const { bridge } = recorder({ answer: "a" });
  const d = client(bridge);
  await d.close();
  await d.close();
  await expect(d.ask("q")).rejects.toMatchObject({ code: "POOL_CLOSED", outcome: "not-started" });
});
