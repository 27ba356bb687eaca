import type { SignatureSpec, TypeSpec } from "snakepit-grpc-bridge";

/**
 * Every promise about signature strings, once. `types.test.ts` holds the compiler's parser to it,
 * `parse.test.ts` the run time's, and `compile-errors.test.ts` what a user sees in the editor.
 */

/** What the compiler must infer; a value that exists only for its type. */
export interface Expected<In, Out> {
  readonly inputs: In;
  readonly outputs: Out;
}
const expected = <In, Out>() => ({}) as Expected<In, Out>;

const str: TypeSpec = { kind: "str" };
const int: TypeSpec = { kind: "int" };
const float: TypeSpec = { kind: "float" };
const bool: TypeSpec = { kind: "bool" };
const none: TypeSpec = { kind: "none" };
const any: TypeSpec = { kind: "any" };
const list = (items: TypeSpec): TypeSpec => ({ kind: "list", items });
const literal = (...values: (string | number | boolean | null)[]): TypeSpec => ({
  kind: "literal",
  values,
});
const union = (...options: TypeSpec[]): TypeSpec => ({ kind: "union", options });
const spec = (
  inputs: Record<string, TypeSpec>,
  outputs: Record<string, TypeSpec>,
): SignatureSpec => ({
  inputs: Object.entries(inputs).map(([name, type]) => ({ name, type })),
  outputs: Object.entries(outputs).map(([name, type]) => ({ name, type })),
});

export const goodCases = [
  {
    text: "question -> answer",
    types: expected<{ question: string }, { answer: string }>(),
    spec: spec({ question: str }, { answer: str }),
  },
  {
    text: "question, context: list[str] -> answer: str, confidence: float, label: Literal['a','b']",
    types: expected<
      { question: string; context: string[] },
      { answer: string; confidence: number; label: "a" | "b" }
    >(),
    spec: spec(
      { question: str, context: list(str) },
      { answer: str, confidence: float, label: literal("a", "b") },
    ),
  },
  {
    text: "\n  question :str ,\n\tcontext:\tlist[ str ]\n ->\n answer : int  ",
    types: expected<{ question: string; context: string[] }, { answer: number }>(),
    spec: spec({ question: str, context: list(str) }, { answer: int }),
  },
  {
    text: "a->b",
    types: expected<{ a: string }, { b: string }>(),
    spec: spec({ a: str }, { b: str }),
  },
  {
    text: "a: str, b: int, c: float, d: bool, e: bytes, f: None, g: Any -> h: NoneType",
    types: expected<
      {
        a: string;
        b: number;
        c: number;
        d: boolean;
        e: Uint8Array;
        f: null;
        g: unknown;
      },
      { h: null }
    >(),
    spec: spec(
      { a: str, b: int, c: float, d: bool, e: { kind: "bytes" }, f: none, g: any },
      { h: none },
    ),
  },
  {
    text: "a: list, b: dict, c: tuple, d: set -> e: List, f: Dict, g: frozenset",
    types: expected<
      { a: unknown[]; b: Record<string, unknown>; c: unknown[]; d: unknown[] },
      { e: unknown[]; f: Record<string, unknown>; g: unknown[] }
    >(),
    spec: spec(
      {
        a: list(any),
        b: { kind: "dict", values: any },
        c: list(any),
        d: { kind: "set", items: any },
      },
      { e: list(any), f: { kind: "dict", values: any }, g: { kind: "set", items: any } },
    ),
  },
  {
    text: "a -> b: Optional[int], c: dict[str, list[float]], d: str | None, e: tuple[int, str], f: bool",
    types: expected<
      { a: string },
      {
        b: number | null;
        c: Record<string, number[]>;
        d: string | null;
        e: [number, string];
        f: boolean;
      }
    >(),
    spec: spec(
      { a: str },
      {
        b: union(int, none),
        c: { kind: "dict", values: list(float) },
        d: union(str, none),
        e: { kind: "tuple", items: [int, str] },
        f: bool,
      },
    ),
  },
  {
    text: "a: Union[int, str, None] -> b: int | str | int, c: Optional[str | None]",
    types: expected<{ a: number | string | null }, { b: number | string; c: string | null }>(),
    spec: spec({ a: union(int, str, none) }, { b: union(int, str), c: union(str, none) }),
  },
  {
    text: "a: set[int], b: tuple[float, ...] -> c: list[list[dict[str, int | None]]]",
    types: expected<{ a: number[]; b: number[] }, { c: Record<string, number | null>[][] }>(),
    spec: spec(
      { a: { kind: "set", items: int }, b: list(float) },
      { c: list(list({ kind: "dict", values: union(int, none) })) },
    ),
  },
  {
    text: "text -> tags: list[Literal['x, y', 'z']], n: Literal[1, -2, True, False, None]",
    types: expected<
      { text: string },
      { tags: ("x, y" | "z")[]; n: 1 | -2 | true | false | null }
    >(),
    spec: spec(
      { text: str },
      { tags: list(literal("x, y", "z")), n: literal(1, -2, true, false, null) },
    ),
  },
  {
    text: `text -> label: Literal["it's", 'say "hi"', 'a -> b', '[x', 'c: d', '|', '']`,
    types: expected<
      { text: string },
      { label: "it's" | 'say "hi"' | "a -> b" | "[x" | "c: d" | "|" | "" }
    >(),
    spec: spec(
      { text: str },
      { label: literal("it's", 'say "hi"', "a -> b", "[x", "c: d", "|", "") },
    ),
  },
  {
    text: "text -> label: Literal['yes'] | None",
    types: expected<{ text: string }, { label: "yes" | null }>(),
    spec: spec({ text: str }, { label: union(literal("yes"), none) }),
  },
  {
    text: "a: typing.List[str], b: typing.Any -> c: typing.Optional[typing.Literal['x']]",
    types: expected<{ a: string[]; b: unknown }, { c: "x" | null }>(),
    spec: spec({ a: list(str), b: any }, { c: union(literal("x"), none) }),
  },
  {
    text: "day: datetime.date, photo: dspy.Image -> when: datetime.datetime",
    types: expected<{ day: string; photo: { url: string } }, { when: string }>(),
    spec: spec(
      { day: { kind: "date" }, photo: { kind: "dspy", name: "Image" } },
      { when: { kind: "datetime" } },
    ),
  },
  {
    text: "history: dspy.History -> answer",
    types: expected<{ history: { messages: Record<string, unknown>[] } }, { answer: string }>(),
    spec: spec({ history: { kind: "dspy", name: "History" } }, { answer: str }),
  },
  {
    text: "constructor, toString: int -> length, hasOwnProperty: bool",
    types: expected<
      { constructor: string; toString: number },
      { length: string; hasOwnProperty: boolean }
    >(),
    spec: spec({ constructor: str, toString: int }, { length: str, hasOwnProperty: bool }),
  },
] as const;

/** `message` is said by both parsers; `offset` and `hint` only by the one at run time. */
export const badCases = [
  { text: "", message: "no arrow: write inputs -> outputs", offset: 0 },
  { text: "question answer", message: "no arrow: write inputs -> outputs", offset: 0 },
  { text: "question > answer", message: "no arrow: write inputs -> outputs", offset: 0 },
  { text: "question -> ", message: "no output field after ->", offset: 9 },
  { text: " -> answer", message: "no input field before ->", offset: 1 },
  { text: "a -> b -> c", message: "more than one ->", offset: 7 },
  { text: "question -> answer: strng", message: "unknown type strng", offset: 20, hint: "str" },
  { text: "question -> score: flaot", message: "unknown type flaot", offset: 19, hint: "float" },
  {
    text: "question -> x: Lisst[str]",
    message: "unknown type Lisst[...]",
    offset: 15,
    hint: "list",
  },
  { text: "question -> answer: string", message: "unknown type string; write str", offset: 20 },
  { text: "q -> n: number", message: "unknown type number; write float or int", offset: 8 },
  { text: "q -> n: list[boolean]", message: "unknown type boolean; write bool", offset: 13 },
  { text: "q -> person: Person", message: "unknown type Person", offset: 13 },
  { text: "q -> a: os.system", message: "unknown type os.system", offset: 8 },
  { text: "q -> n: int = 3", message: "unknown type int = 3", offset: 8 },
  { text: "q -> a:", message: "a type is missing", offset: 7 },
  { text: "q -> a: list[]", message: "a type is missing", offset: 13 },
  { text: "q -> a: str |", message: "a type is missing", offset: 13 },
  { text: "q -> a: list[int, str]", message: "list[...] takes one type", offset: 8 },
  { text: "q -> a: Optional[int, str]", message: "Optional[...] takes one type", offset: 8 },
  { text: "q -> a: dict[str]", message: "dict[...] takes two types", offset: 8 },
  { text: "q -> a: dict[int, str]", message: "the keys of dict[...] must be str", offset: 13 },
  { text: "q -> a: list[str", message: "unbalanced brackets in the type of a", offset: 8 },
  { text: "q -> a: str], b", message: "unbalanced brackets in the type of a", offset: 8 },
  {
    text: "q -> label: Literal[a, b]",
    message: "a Literal value must be a quoted string, an integer, True, False or None",
    offset: 20,
  },
  {
    text: "q -> label: Literal['a' 'b']",
    message: "a Literal value must be a quoted string, an integer, True, False or None",
    offset: 20,
  },
  {
    text: "q -> n: Literal[007]",
    message: "a Literal value must be a quoted string, an integer, True, False or None",
    offset: 16,
  },
  {
    text: "q -> n: Literal[1.5]",
    message: "a Literal value must be a quoted string, an integer, True, False or None",
    offset: 16,
  },
  { text: "q -> label: Literal['a]", message: "a quote is not closed", offset: 20 },
  {
    text: "q -> label: Literal['it\\'s']",
    message: "a quoted string with a backslash (use a schema object)",
    offset: 23,
  },
  { text: "q -> a: 'str'", message: "a quoted string belongs inside Literal[...]", offset: 8 },
  { text: "'q' -> a", message: "a quoted string belongs inside Literal[...]", offset: 0 },
  { text: "a,, b -> c", message: "a field name is missing (stray comma?)", offset: 2 },
  { text: "a, -> c", message: "a field name is missing (stray comma?)", offset: 2 },
  { text: ": str -> c", message: "a field name is missing (stray comma?)", offset: 0 },
  { text: "1q -> b", message: "field name 1q starts with a digit", offset: 0 },
  { text: "class -> c", message: "field name class is a Python keyword", offset: 0 },
  { text: "q -> _secret", message: "field name _secret starts with an underscore", offset: 5 },
  { text: "my question -> c", message: "my question is not a field name", offset: 0 },
  { text: "q -> a-b", message: "a-b is not a field name", offset: 5 },
  { text: "q -> fields", message: "field name fields is taken by DSPy itself", offset: 5 },
  { text: "json -> b", message: "field name json is taken by DSPy itself", offset: 0 },
  { text: "demos -> b", message: "field name demos is taken by DSPy itself", offset: 0 },
  { text: "a, a -> b", message: "field a is declared twice", offset: 3 },
  { text: "q -> b, b: int", message: "field b is declared twice", offset: 8 },
  { text: "a -> a", message: "field a is both input and output", offset: 5 },
] as const;
