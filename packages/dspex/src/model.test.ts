import { expect, test } from "vitest";
import { DspexError } from "./errors.ts";
import { chooseModel, demoNotice, type Lm, lmProblems } from "./model.ts";

const key = "sk-do-not-print-me";

test("the program goes before DSPEX_LM, and DSPEX_LM before the demo model", () => {
  const environment = { DSPEX_LM: "openai/env" };
  expect(chooseModel("openai/own", environment)).toMatchObject({
    settings: { model: "openai/own" },
    source: "program",
  });
  expect(chooseModel(undefined, environment)).toMatchObject({
    settings: { model: "openai/env" },
    source: "environment",
  });
  expect(chooseModel(undefined, { DSPEX_LM: " " })).toEqual({
    settings: { model: "demo" },
    source: "default",
  });
});

test("a provider's key in the environment never chooses a model", () => {
  const { settings } = chooseModel(undefined, { OPENAI_API_KEY: key, ANTHROPIC_API_KEY: key });
  expect(settings).toEqual({ model: "demo" });
});

test("in production nobody but the program or DSPEX_LM chooses", () => {
  const production = { NODE_ENV: "production" };
  const refusal = catchError(() => chooseModel(undefined, production));
  expect(refusal).toBeInstanceOf(DspexError);
  expect(refusal).toMatchObject({ code: "MODEL_NOT_CONFIGURED", outcome: "not-started" });
  for (const way of ["dspex.configure", "createDspex", "DSPEX_LM", 'lm: "demo"']) {
    expect(refusal.message).toContain(way);
  }
  expect(chooseModel("demo", production).settings).toEqual({ model: "demo" });
  expect(chooseModel(undefined, { ...production, DSPEX_LM: "demo" }).settings.model).toBe("demo");
});

test("the key is the provider's own", () => {
  const environment = { OPENAI_API_KEY: "o", ANTHROPIC_API_KEY: "a", ACME_API_KEY: "x" };
  expect(chooseModel("openai/x", environment).settings.apiKey).toBe("o");
  expect(chooseModel("anthropic/x", environment).settings.apiKey).toBe("a");
  expect(chooseModel("acme/x", environment).settings.apiKey).toBe("x");
  expect(chooseModel("groq/x", environment).settings.apiKey).toBeUndefined();
  expect(chooseModel("gemini/x", { GOOGLE_API_KEY: "g" }).settings.apiKey).toBe("g");
  const given = chooseModel({ model: "openai/x", apiKey: "mine" }, environment);
  expect(given.settings.apiKey).toBe("mine");
});

test("DSPEX_API_KEY and DSPEX_API_BASE go with DSPEX_LM's provider, and with no other", () => {
  const environment = {
    DSPEX_LM: "openai/x",
    DSPEX_API_KEY: "ours",
    DSPEX_API_BASE: "http://localhost:1/v1",
    OPENAI_API_KEY: "theirs",
  };
  expect(chooseModel(undefined, environment).settings).toEqual({
    model: "openai/x",
    apiKey: "ours",
    apiBase: "http://localhost:1/v1",
  });
  expect(chooseModel("anthropic/y", environment).settings).toEqual({ model: "anthropic/y" });
  expect(chooseModel("anthropic/y", { DSPEX_API_KEY: "ours" }).settings.apiKey).toBe("ours");
  expect(chooseModel("demo", environment).settings).toEqual({ model: "demo" });
});

test("a setting that is undefined was not set", () => {
  const lm = { model: "openai/x", apiBase: undefined, cache: undefined };
  expect(lmProblems("lm", lm)).toEqual([]);
  const { settings } = chooseModel(lm as unknown as Lm, {});
  expect(Object.keys(settings)).toEqual(["model"]);
});

test("a DSPEX_LM that is no model's name is refused, not replaced by the demo model", () => {
  const refusal = catchError(() => chooseModel(undefined, { DSPEX_LM: "gpt-5-mini" }));
  expect(refusal).toMatchObject({ code: "MODEL_NOT_CONFIGURED" });
  expect(refusal.message).toContain('did you mean "openai/gpt-5-mini"?');
});

test("the demo notice names the ways out, and a key that lies around without its value", () => {
  const notice = demoNotice({ OPENAI_API_KEY: key });
  expect(notice).toContain("DSPEX_LM");
  expect(notice).toContain("OPENAI_API_KEY is set");
  expect(notice).not.toContain(key);
  expect(demoNotice({})).not.toContain("is set, but");
});

test.each([
  ["openai/gpt-5-mini", undefined],
  ["demo", undefined],
  ["ollama_chat/llama3.2:latest", undefined],
  ["together_ai/meta-llama/Llama", undefined],
  [{ model: "openai/x", temperature: 0, maxTokens: 10, timeoutMs: 1000, cache: true }, undefined],
  [{ model: "openai/x", apiBase: "http://127.0.0.1:9/v1", apiKey: "" }, undefined],
  ["", 'lm must be "demo" or provider/name, such as "openai/gpt-5-mini"; got ""'],
  ["claude-sonnet", 'did you mean "anthropic/claude-sonnet"?'],
  ["openai/", "lm must be"],
  [7, "lm must be a model's name"],
  [null, "lm must be a model's name"],
  [{}, "lm.model must be a name"],
  [{ model: "openai/x", api_key: "k" }, "lm has no api_key; did you mean apiKey?"],
  [{ model: "openai/x", temperature: "hot" }, 'lm.temperature must be a number from 0; got "hot"'],
  [{ model: "openai/x", temperature: Number.NaN }, "got NaN"],
  [{ model: "openai/x", maxTokens: 0 }, "lm.maxTokens must be a whole number from 1; got 0"],
  [{ model: "openai/x", apiBase: "localhost:8000" }, "lm.apiBase must be an address"],
  [{ specificationVersion: "v2", modelId: "x" }, "lm is a model object; give the model's name"],
])("lm %j: %s", (lm, problem) => {
  const problems = lmProblems("lm", lm);
  if (problem === undefined) expect(problems).toEqual([]);
  else expect(problems.join("; ")).toContain(problem);
});

test("a wrong setting of the model never shows a key", () => {
  expect(lmProblems("lm", { model: "openai/x", apiKey: [key] }).join()).not.toContain(key);
  expect(lmProblems("lm", { model: "openai/x", apiBase: key }).join()).not.toContain(key);
});

function catchError(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}
