import type { foreignTypes, pythonKeywords, reservedInputs, reservedNames } from "./names.ts";

/**
 * DSPy's signature strings, read by the compiler: `Inputs<"question, context: list[str] -> answer">`
 * is `{ question: string; context: string[] }`. The run time's half is `parse.ts`; `cases.ts` holds
 * both to the same table.
 */

/** The types that stand alone, without brackets. `date` and `datetime` travel as ISO 8601 text. */
interface PlainTypes {
  str: string;
  int: number;
  float: number;
  bool: boolean;
  bytes: Uint8Array;
  None: null;
  NoneType: null;
  Any: unknown;
  list: unknown[];
  List: unknown[];
  tuple: unknown[];
  Tuple: unknown[];
  set: unknown[];
  Set: unknown[];
  frozenset: unknown[];
  dict: Record<string, unknown>;
  Dict: Record<string, unknown>;
  "datetime.date": string;
  "datetime.datetime": string;
  "dspy.Image": { url: string };
  "dspy.Audio": { data: string; audio_format: string };
  "dspy.File": { file_data?: string; file_id?: string; filename?: string };
  "dspy.History": { messages: Record<string, unknown>[] };
  "dspy.Code": string;
  "dspy.Reasoning": string;
}

type ForeignTypes = typeof foreignTypes;

type ListName = "list" | "List" | "set" | "Set" | "frozenset" | "FrozenSet" | "Sequence";
type DictName = "dict" | "Dict" | "Mapping";
type TupleName = "tuple" | "Tuple";

type PythonKeyword = (typeof pythonKeywords)[number];
type ReservedName = (typeof reservedNames)[number];
type ReservedInput = (typeof reservedInputs)[number];

declare const problem: unique symbol;
/** The parser's answer to a malformed string. */
interface SignatureError<Message extends string> {
  readonly [problem]: Message;
}

type Space = " " | "\n" | "\t" | "\r";
type Digit = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9";
type BadNameCharacter =
  | Space
  | ("-" | "." | "(" | ")" | "[" | "]" | "{" | "}" | "/" | ">" | "<" | "?" | "!" | "=" | "+" | "*")
  | ("@" | "#" | "`" | "$" | "%" | "^" | "&" | "|" | "\\" | "~" | ";" | ":");

type Trim<S extends string> = S extends `${Space}${infer Rest}`
  ? Trim<Rest>
  : S extends `${infer Rest}${Space}`
    ? Trim<Rest>
    : S;

/**
 * Quoted strings leave first, each replaced by its number between two private characters, so that
 * a comma, a bracket or an arrow inside one is plain text to everything below.
 */
type Mask<S extends string, Done extends string = "", Quoted extends string[] = []> =
  FirstQuote<S> extends infer Q extends string
    ? Q extends ""
      ? [`${Done}${S}`, Quoted]
      : S extends `${infer Before}${Q}${infer Text}${Q}${infer Rest}`
        ? Text extends `${string}\\${string}`
          ? SignatureError<"a quoted string with a backslash (use a schema object)">
          : Mask<
              Rest,
              `${Done}${Before}\uE000${Quoted["length"] & number}\uE001`,
              [...Quoted, Text]
            >
        : SignatureError<"a quote is not closed">
    : never;
type FirstQuote<S extends string> = S extends `${infer Before}'${string}`
  ? Before extends `${string}"${string}`
    ? '"'
    : "'"
  : S extends `${string}"${string}`
    ? '"'
    : "";

type Count<
  S extends string,
  Character extends string,
  Seen extends 1[] = [],
> = S extends `${string}${Character}${infer Rest}`
  ? Count<Rest, Character, [...Seen, 1]>
  : Seen["length"];
type IsBalanced<S extends string> = S extends `${string}${"[" | "]"}${string}`
  ? Count<S, "["> extends Count<S, "]">
    ? true
    : false
  : true;

/** Splits where brackets are balanced, and trims the parts. */
type Split<
  S extends string,
  Separator extends string,
  Part extends string = "",
  Parts extends string[] = [],
> = S extends `${infer Before}${Separator}${infer Rest}`
  ? IsBalanced<`${Part}${Before}`> extends true
    ? Split<Rest, Separator, "", [...Parts, Trim<`${Part}${Before}`>]>
    : Split<Rest, Separator, `${Part}${Before}${Separator}`, Parts>
  : [...Parts, Trim<`${Part}${S}`>];

/** One Python annotation -> a TypeScript type, or a `SignatureError`. */
type TypeOf<S extends string, Quoted extends string[]> = S extends keyof PlainTypes
  ? PlainTypes[S]
  : S extends ""
    ? SignatureError<"a type is missing">
    : S extends `${string}|${string}`
      ? Split<S, "|"> extends [infer Only extends string]
        ? Bracketed<Only, Quoted>
        : UnionOf<Split<S, "|">, Quoted>
      : Bracketed<S, Quoted>;

type Bracketed<
  S extends string,
  Quoted extends string[],
> = S extends `${infer Name}[${infer Arguments}]`
  ? Generic<Unprefixed<Trim<Name>>, Split<Arguments, ",">, Quoted>
  : S extends `typing.${infer Name}`
    ? Name extends keyof PlainTypes
      ? PlainTypes[Name]
      : SignatureError<`unknown type ${S}`>
    : S extends `${string}\uE000${string}`
      ? SignatureError<"a quoted string belongs inside Literal[...]">
      : S extends keyof ForeignTypes
        ? SignatureError<`unknown type ${S}; write ${ForeignTypes[S]}`>
        : SignatureError<`unknown type ${S}`>;
type Unprefixed<Name extends string> = Name extends `typing.${infer Rest}` ? Rest : Name;

type Generic<
  Name extends string,
  Arguments extends string[],
  Quoted extends string[],
> = Name extends "Literal"
  ? LiteralsOf<Arguments, Quoted>
  : Name extends "Union"
    ? UnionOf<Arguments, Quoted>
    : Name extends ListName
      ? Arguments extends [infer Item extends string]
        ? ListOf<TypeOf<Item, Quoted>>
        : SignatureError<`${Name}[...] takes one type`>
      : Name extends "Optional"
        ? Arguments extends [infer Item extends string]
          ? OptionalOf<TypeOf<Item, Quoted>>
          : SignatureError<"Optional[...] takes one type">
        : Name extends DictName
          ? Arguments extends [infer Key extends string, infer Value extends string]
            ? Key extends "str"
              ? DictOf<TypeOf<Value, Quoted>>
              : SignatureError<`the keys of ${Name}[...] must be str`>
            : SignatureError<`${Name}[...] takes two types`>
          : Name extends TupleName
            ? Arguments extends [infer Item extends string, "..."]
              ? ListOf<TypeOf<Item, Quoted>>
              : TupleOf<Arguments, Quoted>
            : SignatureError<`unknown type ${Name}[...]`>;

type ListOf<T> = [T] extends [SignatureError<string>] ? T : T[];
type OptionalOf<T> = [T] extends [SignatureError<string>] ? T : T | null;
type DictOf<T> = [T] extends [SignatureError<string>] ? T : Record<string, T>;
type TupleOf<
  Parts extends string[],
  Quoted extends string[],
  Done extends unknown[] = [],
> = Parts extends [infer First extends string, ...infer Rest extends string[]]
  ? TypeOf<First, Quoted> extends infer T
    ? [T] extends [SignatureError<string>]
      ? T
      : TupleOf<Rest, Quoted, [...Done, T]>
    : never
  : Done;
type UnionOf<Parts extends string[], Quoted extends string[], Done = never> = Parts extends [
  infer First extends string,
  ...infer Rest extends string[],
]
  ? TypeOf<First, Quoted> extends infer T
    ? [T] extends [SignatureError<string>]
      ? T
      : UnionOf<Rest, Quoted, Done | T>
    : never
  : Done;
type LiteralsOf<Parts extends string[], Quoted extends string[], Done = never> = Parts extends [
  infer First extends string,
  ...infer Rest extends string[],
]
  ? LiteralValue<First, Quoted> extends infer T
    ? [T] extends [SignatureError<string>]
      ? T
      : LiteralsOf<Rest, Quoted, Done | T>
    : never
  : Done;

type NotALiteral =
  SignatureError<"a Literal value must be a quoted string, an integer, True, False or None">;
type LiteralValue<
  S extends string,
  Quoted extends string[],
> = S extends `\uE000${infer Index extends keyof Quoted & string}\uE001`
  ? Quoted[Index]
  : S extends "True"
    ? true
    : S extends "False"
      ? false
      : S extends "None"
        ? null
        : S extends `${bigint}` & `${infer N extends number}`
          ? number extends N
            ? NotALiteral
            : N
          : NotALiteral;

type NameOf<S extends string, Reserved extends string> = S extends ""
  ? SignatureError<"a field name is missing (stray comma?)">
  : S extends `${string}\uE000${string}`
    ? SignatureError<"a quoted string belongs inside Literal[...]">
    : S extends PythonKeyword
      ? SignatureError<`field name ${S} is a Python keyword`>
      : S extends `${Digit}${string}`
        ? SignatureError<`field name ${S} starts with a digit`>
        : S extends `_${string}`
          ? SignatureError<`field name ${S} starts with an underscore`>
          : S extends `${string}${BadNameCharacter}${string}`
            ? SignatureError<`${S} is not a field name`>
            : S extends Reserved
              ? SignatureError<`field name ${S} is taken by DSPy itself`>
              : S;

/** `[name, type]`, or a `SignatureError`. */
type Field<
  S extends string,
  Quoted extends string[],
  Reserved extends string,
> = S extends `${infer Name}:${infer Type}`
  ? NameOf<Trim<Name>, Reserved> extends infer N
    ? N extends string
      ? IsBalanced<Type> extends true
        ? TypeOf<Trim<Type>, Quoted> extends infer T
          ? [T] extends [SignatureError<string>]
            ? T
            : [N, T]
          : never
        : SignatureError<`unbalanced brackets in the type of ${N}`>
      : N
    : never
  : NameOf<S, Reserved> extends infer N
    ? N extends string
      ? [N, string]
      : N
    : never;

// biome-ignore lint/complexity/noBannedTypes: an object type without fields, to which fields are added
type NoFields = {};
type Fields<
  Parts extends string[],
  Quoted extends string[],
  Reserved extends string,
  Done = NoFields,
> = Parts extends [infer First extends string, ...infer Rest extends string[]]
  ? Field<First, Quoted, Reserved> extends infer F
    ? F extends [infer Name extends string, infer Type]
      ? Name extends keyof Done
        ? SignatureError<`field ${Name} is declared twice`>
        : Fields<Rest, Quoted, Reserved, Done & { [Key in Name]: Type }>
      : F
    : never
  : Done;

type Flat<T> = { [Key in keyof T]: T[Key] };

type Sides<S extends string, Quoted extends string[]> = S extends `${infer Left}->${infer Right}`
  ? Right extends `${string}->${string}`
    ? SignatureError<"more than one ->">
    : Trim<Left> extends ""
      ? SignatureError<"no input field before ->">
      : Trim<Right> extends ""
        ? SignatureError<"no output field after ->">
        : Fields<Split<Left, ",">, Quoted, ReservedName | ReservedInput> extends infer In
          ? In extends SignatureError<string>
            ? In
            : Fields<Split<Right, ",">, Quoted, ReservedName> extends infer Out
              ? Out extends SignatureError<string>
                ? Out
                : [keyof In & keyof Out] extends [never]
                  ? { inputs: Flat<In>; outputs: Flat<Out> }
                  : SignatureError<`field ${keyof In & keyof Out & string} is both input and output`>
              : never
          : never
  : SignatureError<"no arrow: write inputs -> outputs">;

/** True for `string` and for text with unknown parts (`${string} -> answer`). */
type IsOpen<S extends string> = NoFields extends Record<S, 1> ? true : false;

/** The fields of both sides. A string that the compiler does not know gives the open shape. */
export type ParseSignature<S extends string> =
  IsOpen<S> extends true
    ? { inputs: Record<string, unknown>; outputs: Record<string, unknown> }
    : Mask<S> extends infer Masked
      ? Masked extends [infer Text extends string, infer Quoted extends string[]]
        ? Sides<Text, Quoted>
        : Masked
      : never;

export type Inputs<S extends string> = ParseSignature<S> extends { inputs: infer In } ? In : never;
export type Outputs<S extends string> =
  ParseSignature<S> extends { outputs: infer Out } ? Out : never;

/** S itself when well formed, otherwise a readable sentence that no string matches. */
export type Checked<S extends string> =
  ParseSignature<S> extends SignatureError<infer Message> ? `Signature error: ${Message}` : S;
