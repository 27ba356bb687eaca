import { SnakepitError } from "snakepit-grpc-bridge";
import { expect, test } from "vitest";
import { badCases, goodCases } from "./cases.ts";
import { parseSignature } from "./parse.ts";

test.each(goodCases)("reads $text", ({ text, spec }) => {
  expect(parseSignature(text)).toEqual(spec);
});

test.each(badCases)("refuses $text: $message", (bad) => {
  const error = problemOf(bad.text);
  expect(error.code).toBe("INVALID_ARGUMENT");
  expect(error.details).toEqual({
    signature: bad.text,
    offset: bad.offset,
    problem: bad.message,
  });
  expect(error.message).toContain(bad.message);
  if ("hint" in bad) expect(error.message).toContain(`did you mean ${bad.hint}`);
});

test("the message shows the line and points at the place", () => {
  expect(problemOf("question -> answer: strng, score: float").message).toBe(
    [
      "[INVALID_ARGUMENT] malformed signature at offset 20: unknown type strng; did you mean str?",
      "  question -> answer: strng, score: float",
      "                      ^^^^^",
    ].join("\n"),
  );
});

test("of a signature with several lines the message shows the right one", () => {
  const { message } = problemOf("question\n-> answer: strng,\n   score: float");
  expect(message).toContain("\n  -> answer: strng,\n             ^^^^^");
});

test("a name that Python would read differently is refused", () => {
  expect(problemOf("ﬁeld -> b").message).toContain("is not a field name");
  expect(problemOf("a→b -> c").message).toContain("a→b is not a field name");
  expect(parseSignature("größe -> été").inputs[0]?.name).toBe("größe");
});

function problemOf(text: string): SnakepitError<"INVALID_ARGUMENT"> {
  try {
    parseSignature(text);
  } catch (error) {
    if (SnakepitError.is(error, "INVALID_ARGUMENT")) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}
