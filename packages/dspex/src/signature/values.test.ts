import { expect, test } from "vitest";
import { parseSignature } from "./parse.ts";
import { inputProblems, typeName } from "./values.ts";

const signature = parseSignature(
  "question, context: list[str], limit: int, mode: Literal['fast', 'good'], person: dict[str, float | None] -> answer",
);
const good = {
  question: "q",
  context: ["c"],
  limit: 3,
  mode: "fast",
  person: { age: 1.5, x: null },
};

test("inputs that fit have no problems", () => {
  expect(inputProblems(signature, good)).toEqual([]);
});

test.each([
  [{ ...good, question: 7 }, "question must be str; got 7"],
  [{ ...good, context: "c" }, 'context must be list[str]; got "c"'],
  [{ ...good, context: ["c", 1] }, "context[1] must be str; got 1"],
  [{ ...good, limit: 1.5 }, "limit must be int; got 1.5"],
  [{ ...good, limit: Number.NaN }, "limit must be int; got NaN"],
  [{ ...good, mode: "best" }, "mode must be Literal['fast', 'good']; got \"best\""],
  [{ ...good, person: { age: "1" } }, 'person.age must be float | None; got "1"'],
  [{ ...good, question: undefined }, "input question (str) is missing"],
  [{ ...good, colour: "red" }, "the signature has no input colour; its inputs are question"],
  ["q", "the inputs must be an object such as { question, context, limit, mode, person }"],
  [undefined, "the inputs must be an object"],
])("%j is refused: %s", (inputs, message) => {
  expect(inputProblems(signature, inputs).join("; ")).toContain(message);
});

test("a misspelt input is named together with the one that was meant", () => {
  const { question, ...others } = good;
  const problems = inputProblems(signature, { ...others, qestion: question });
  expect(problems).toEqual([
    "input question (str) is missing; qestion looks like it",
    "the signature has no input qestion; did you mean question?",
  ]);
});

test("every fault is named at once", () => {
  expect(inputProblems(signature, { question: 1 })).toHaveLength(5);
});

test("an inherited property is not an input", () => {
  expect(inputProblems(parseSignature("toString -> b"), {})).toEqual([
    "input toString (str) is missing",
  ]);
});

test("types are written as Python writes them", () => {
  const { outputs } = parseSignature(
    "a -> b: Optional[int], c: tuple[int, str], d: Literal['x', 1, None, True], e: dspy.Image",
  );
  expect(outputs.map(({ type }) => typeName(type))).toEqual([
    "int | None",
    "tuple[int, str]",
    "Literal['x', 1, None, True]",
    "dspy.Image",
  ]);
});
