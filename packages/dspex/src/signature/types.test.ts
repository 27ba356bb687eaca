import { test } from "vitest";
import type { badCases, goodCases } from "./cases.ts";
import type { Checked, Inputs, Outputs, ParseSignature } from "./types.ts";

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** The signatures whose inferred types differ from the table's; `never` when all agree. */
type Misread<Cases extends readonly unknown[]> = {
  [Index in keyof Cases]: Cases[Index] extends {
    text: infer Text extends string;
    types: { inputs: infer In; outputs: infer Out };
  }
    ? Equal<ParseSignature<Text>, { inputs: In; outputs: Out }> extends true
      ? never
      : Text
    : "a case without text or types";
}[number];

/** The malformed signatures that are accepted, or refused with another sentence. */
type Misjudged<Cases extends readonly unknown[]> = {
  [Index in keyof Cases]: Cases[Index] extends {
    text: infer Text extends string;
    message: infer Message extends string;
  }
    ? Equal<Checked<Text>, `Signature error: ${Message}`> extends true
      ? never
      : [Text, Checked<Text>]
    : "a case without text or message";
}[number];

// These tests are run by the compiler: a wrong case is a type error that names the signature, and
// `tsc` fails. At run time nothing is left of them.
const none = <_T extends never>() => {};
const holds = <_T extends true>() => {};

test("the compiler reads every good signature as the table says", () => {
  none<Misread<typeof goodCases>>();
});

test("the compiler refuses every malformed signature with the table's sentence", () => {
  none<Misjudged<typeof badCases>>();
});

test("text that the compiler does not know has the open shape", () => {
  type Open = Record<string, unknown>;
  holds<Equal<Inputs<string>, Open>>();
  holds<Equal<Outputs<`text -> label: Literal[${string}]`>, Open>>();
  holds<Equal<Checked<string>, string>>();
});

test("a wrong table would be found", () => {
  type Wrong = { text: "a -> b"; types: { inputs: { a: string }; outputs: { b: number } } };
  holds<Equal<Misread<[Wrong]>, "a -> b">>();
  holds<Equal<Misjudged<[{ text: "a -> b"; message: "no" }]>, ["a -> b", "a -> b"]>>();
});
