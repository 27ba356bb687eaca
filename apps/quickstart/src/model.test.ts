import { expect, test } from "vitest";
import { chooseModel } from "./model.ts";

const noOllama = async () => [];
const unasked = async () => {
  throw new Error("Ollama was asked although the answer was known");
};

test("DSPEX_LM wins over a key and over Ollama", async () => {
  const environment = { DSPEX_LM: "groq/llama", OPENAI_API_KEY: "k" };
  expect(await chooseModel(environment, unasked)).toMatchObject({ lm: "groq/llama", found: false });
});

test("DSPEX_LM=demo spends nothing although a key is set", async () => {
  const environment = { DSPEX_LM: "demo", OPENAI_API_KEY: "k" };
  expect((await chooseModel(environment, unasked)).lm).toBe("demo");
});

test.each([
  ["OPENAI_API_KEY", "openai/"],
  ["ANTHROPIC_API_KEY", "anthropic/"],
  ["GEMINI_API_KEY", "gemini/"],
])("%s chooses that provider's model, and the notice says so without the key", async (key, lm) => {
  const choice = await chooseModel({ [key]: "secret-value" }, unasked);
  expect(choice.lm).toMatch(lm);
  expect(choice.found).toBe(true);
  expect(choice.notice).toContain(key);
  expect(choice.notice).not.toContain("secret-value");
});

test("an empty variable is no choice", async () => {
  expect((await chooseModel({ DSPEX_LM: "", OPENAI_API_KEY: "" }, noOllama)).lm).toBe("demo");
});

test("a local Ollama is used when there is no key, but never an embedding model", async () => {
  const models = async () => ["nomic-embed-text:latest", "llama3.2:3b"];
  const choice = await chooseModel({}, models);
  expect(choice.lm).toBe("ollama_chat/llama3.2:3b");
  expect(choice.notice).toContain("llama3.2:3b");
});

test("with nothing at hand the demo model answers, and the notice says what it is", async () => {
  const choice = await chooseModel({}, noOllama);
  expect(choice.lm).toBe("demo");
  expect(choice.notice).toMatch(/demo model.*often wrong/);
});
