import { createDspex } from "dspex";
import { afterAll, expect, test } from "vitest";

const d = createDspex({ lm: "demo", minWorkers: 1, maxWorkers: 1 });
afterAll(() => d.close());

const context = ["The tower was built in 1889.", "It stands in Paris, on the left bank."];

test("the deltas of a field add up to its final value", async () => {
  const qa = d.predict("question, context: list[str] -> answer: str, certain: bool");
  const text = { answer: "", certain: "" };
  let outputs: { answer: string; certain: boolean } | undefined;
  for await (const event of qa.stream({ question: "Where does the tower stand?", context })) {
    if (event.type === "delta") text[event.field] += event.delta;
    else {
      outputs = event.final;
      expect(event.usage.model).toBe("demo");
    }
  }
  expect(outputs?.answer).toContain("Paris");
  expect(text.answer).toBe(outputs?.answer);
  expect(JSON.parse(text.certain)).toBe(outputs?.certain);
});

test("chainOfThought streams its reasoning before its answer", async () => {
  const fields = new Set<string>();
  const think = d.chainOfThought("question -> answer");
  for await (const event of think.stream({ question: "What is 3 + 4?" })) {
    if (event.type === "delta") fields.add(event.field);
    else expect(event.final.answer).toContain("7");
  }
  expect([...fields]).toEqual(["reasoning", "answer"]);
});

test("streams run side by side, each with its own text", async () => {
  const qa = d.predict("question -> answer");
  const collect = async (n: number) => {
    let text = "";
    for await (const event of qa.stream({ question: `What is ${n} + 100?` })) {
      if (event.type === "delta") text += event.delta;
    }
    return text;
  };
  const texts = await Promise.all(Array.from({ length: 10 }, (_, n) => collect(n)));
  texts.forEach((text, n) => {
    expect(text).toContain(String(n + 100));
  });
});

test("leaving a stream early leaves a client that still works", async () => {
  const qa = d.predict("question, context: list[str] -> answer");
  for await (const event of qa.stream({ question: "When was it built?", context })) {
    expect(event.type).toBe("delta");
    break;
  }
  expect(await d.answerWithContext("When was the tower built?", context)).toContain("1889");
});

test("an aborted stream ends with the caller's own reason", async () => {
  const abort = new AbortController();
  const reason = new Error("changed my mind");
  const qa = d.predict("question, context: list[str] -> answer");
  const read = async () => {
    const stream = qa.stream({ question: "When?", context }, { signal: abort.signal });
    for await (const _event of stream) abort.abort(reason);
  };
  await expect(read()).rejects.toBe(reason);
});
