import { createDspex } from "dspex";
import { afterAll, expect, test } from "vitest";

// Real workers, real DSPy, and the built-in demo model, which extracts and compares text.

const d = createDspex({ lm: "demo", minWorkers: 1, maxWorkers: 1 });
afterAll(() => d.close());

const story =
  "Ada Lovelace met Charles Babbage in London in 1833. She wrote the first program for his engine. " +
  "The engine was never finished. Her notes were published ten years later, in 1843.";

test("ask answers with text, and with its reasoning when asked for it", async () => {
  const answer: string = await d.ask("What is 6 times 7?");
  expect(answer).toContain("42");
  const { reasoning, answer: reasoned } = await d.ask("What is 6 times 7?", { reasoning: true });
  expect(reasoned).toContain("42");
  expect(reasoning).not.toBe("");
});

test("classify answers with one of the labels", async () => {
  const label: "bug report" | "question" = await d.classify(
    "I found a bug: the report page crashes when I press save.",
    ["bug report", "question"],
  );
  expect(label).toBe("bug report");
});

test("classify takes labels with any characters", async () => {
  const labels = [`it's "broken", [really]`, "a -> b"] as const;
  const label = await d.classify("really broken", labels);
  expect(labels).toContain(label);
});

test("summarize keeps to the number of words and to the text", async () => {
  const summary = await d.summarize(story, { maxLength: 12 });
  const words = summary.split(/\s+/).filter(Boolean);
  expect(words.length).toBeGreaterThan(0);
  expect(words.length).toBeLessThanOrEqual(12);
  for (const word of words) expect(story).toContain(word.replace(/[.,…]+$/, ""));
});

test("extractEntities finds names by type, and has a list for every type", async () => {
  const found = await d.extractEntities(story, { types: ["people", "places", "emails"] });
  expect(found.people).toEqual(expect.arrayContaining(["Ada Lovelace", "Charles Babbage"]));
  expect(found.places).toContain("London");
  expect(found.emails).toEqual([]);
  expect(Object.keys(found)).toEqual(["people", "places", "emails"]);
});

test("generate writes something", async () => {
  const text = await d.generate("A greeting for new colleagues", { style: "warm", length: 20 });
  expect(text.trim()).not.toBe("");
});

test("answerWithContext answers from the passages", async () => {
  const answer = await d.answerWithContext("When were the notes published?", [
    "The engine was built of brass.",
    "The notes were published in 1843.",
  ]);
  expect(answer).toContain("1843");
});

test("a predictor gives values of the types that its signature names", async () => {
  const qa = d.predict(
    "question, context: list[str] -> answer: str, confidence: float, label: Literal['yes','no']",
  );
  const { answer, confidence, label } = await qa({
    question: "Was the engine finished?",
    context: ["The engine was never finished."],
  });
  expect(typeof answer).toBe("string");
  expect(typeof confidence).toBe("number");
  expect(["yes", "no"]).toContain(label);
});

test("chainOfThought gives its reasoning as one more output", async () => {
  const think = d.chainOfThought("question -> answer: int");
  const outputs = await think({ question: "What is 12 + 30?" });
  expect(outputs.answer).toBe(42);
  expect(typeof outputs.reasoning).toBe("string");
});

test("every call says what it has used", async () => {
  const { usage } = await d.predict("question -> answer").run({ question: "What is 1 + 1?" });
  expect(usage.model).toBe("demo");
  expect(usage.inputTokens).toBeGreaterThan(0);
});

test("many calls at once each get their own answer", async () => {
  const numbers = Array.from({ length: 20 }, (_, index) => index);
  const answers = await Promise.all(numbers.map((n) => d.ask(`What is ${n} + 100?`)));
  answers.forEach((answer, n) => {
    expect(answer).toContain(String(n + 100));
  });
});
