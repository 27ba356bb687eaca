/**
 * The compiler's own test: this file type-checks if and only if the type-level parser reads every
 * case of the table as the table says. On failure the error names the signature.
 */
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

const none = <_T extends never>() => {};
const holds = <_T extends true>() => {};

none<Misread<typeof goodCases>>();
none<Misjudged<typeof badCases>>();

// Text that the compiler does not know has the open shape, and is checked at run time.
type Open = Record<string, unknown>;
holds<Equal<Inputs<string>, Open>>();
holds<Equal<Outputs<`text -> label: Literal[${string}]`>, Open>>();
holds<Equal<Checked<string>, string>>();

// The table cannot show that it is looked at: a wrong expectation must be found.
holds<
  Equal<
    Misread<[{ text: "a -> b"; types: { inputs: { a: string }; outputs: { b: number } } }]>,
    "a -> b"
  >
>();
holds<Equal<Misjudged<[{ text: "a -> b"; message: "no" }]>, ["a -> b", "a -> b"]>>();
