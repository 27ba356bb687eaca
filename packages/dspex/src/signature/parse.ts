import {
  type DspyTypeName,
  type FieldSpec,
  type SignatureSpec,
  SnakepitError,
  type TypeSpec,
} from "snakepit-grpc-bridge";
import { didYouMean } from "../closest.ts";
import { foreignTypes, pythonKeywords, reservedInputs, reservedNames } from "./names.ts";

/**
 * Reads one of DSPy's signature strings, `"question, context: list[str] -> answer: str"`.
 * The grammar is DSPy's; the types are a closed list, because DSPy itself would import an unknown
 * type name. `types.ts` reads the same strings in the compiler.
 * @throws SnakepitError INVALID_ARGUMENT; `details.offset` and a caret in the message say where
 */
export function parseSignature(source: string): SignatureSpec {
  const text = maskQuotes(source);
  const whole: Span = { source, text, start: 0, end: text.length };
  const arrow = text.indexOf("->");
  if (arrow < 0) throw malformed(whole, "no arrow: write inputs -> outputs");
  const second = text.indexOf("->", arrow + 2);
  if (second >= 0) throw malformed(part(whole, second, second + 2), "more than one ->");
  const left = trimmed(part(whole, 0, arrow));
  const right = trimmed(part(whole, arrow + 2, text.length));
  const arrowSpan = part(whole, arrow, arrow + 2);
  if (left.start === left.end) throw malformed(arrowSpan, "no input field before ->");
  if (right.start === right.end) throw malformed(arrowSpan, "no output field after ->");

  const inputs = parseFields(left, "input");
  const outputs = parseFields(right, "output");
  const inputNames = new Set(inputs.map((field) => field.name));
  for (const { name, at } of outputs) {
    if (inputNames.has(name)) throw malformed(at, `field ${name} is both input and output`);
  }
  return { inputs: inputs.map(withoutPosition), outputs: outputs.map(withoutPosition) };
}

/** Why `name` cannot be a field of a DSPy signature; undefined when it can. */
export function fieldNameProblem(name: string, side: Side): string | undefined {
  if (keywords.has(name)) return `field name ${name} is a Python keyword`;
  if (/^[0-9]/.test(name)) return `field name ${name} starts with a digit`;
  if (name.startsWith("_")) return `field name ${name} starts with an underscore`;
  // Python reads names in their normal form, so any other form would come back under another name.
  if (!identifier.test(name) || name.normalize("NFKC") !== name) {
    return `${name} is not a field name`;
  }
  const taken = side === "input" ? reservedForInputs : reserved;
  return taken.has(name) ? `field name ${name} is taken by DSPy itself` : undefined;
}

type Side = "input" | "output";

/** A stretch of the signature. `text` is `source` with quoted strings masked, at equal offsets. */
interface Span {
  readonly source: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

interface PlacedField extends FieldSpec {
  readonly at: Span;
}

const mask = "\uE000";
const identifier = /^[\p{ID_Start}_][\p{ID_Continue}]*$/u;

const plainTypes: ReadonlyMap<string, TypeSpec> = new Map(
  Object.entries({
    str: { kind: "str" },
    int: { kind: "int" },
    float: { kind: "float" },
    bool: { kind: "bool" },
    bytes: { kind: "bytes" },
    None: { kind: "none" },
    NoneType: { kind: "none" },
    Any: { kind: "any" },
    list: { kind: "list", items: { kind: "any" } },
    List: { kind: "list", items: { kind: "any" } },
    tuple: { kind: "list", items: { kind: "any" } },
    Tuple: { kind: "list", items: { kind: "any" } },
    set: { kind: "set", items: { kind: "any" } },
    Set: { kind: "set", items: { kind: "any" } },
    frozenset: { kind: "set", items: { kind: "any" } },
    dict: { kind: "dict", values: { kind: "any" } },
    Dict: { kind: "dict", values: { kind: "any" } },
    "datetime.date": { kind: "date" },
    "datetime.datetime": { kind: "datetime" },
    ...Object.fromEntries(
      (["Image", "Audio", "File", "History", "Code", "Reasoning"] satisfies DspyTypeName[]).map(
        (name) => [`dspy.${name}`, { kind: "dspy", name }],
      ),
    ),
  } satisfies Record<string, TypeSpec>),
);

const listNames = new Set(["list", "List", "Sequence"]);
const setNames = new Set(["set", "Set", "frozenset", "FrozenSet"]);
const dictNames = new Set(["dict", "Dict", "Mapping"]);
const tupleNames = new Set(["tuple", "Tuple"]);
const genericNames = [
  "Literal",
  "Union",
  "Optional",
  ...listNames,
  ...setNames,
  ...dictNames,
  ...tupleNames,
];

const keywords: ReadonlySet<string> = new Set(pythonKeywords);
const reserved: ReadonlySet<string> = new Set(reservedNames);
const reservedForInputs: ReadonlySet<string> = new Set([...reservedNames, ...reservedInputs]);

/** Quoted strings leave first, so that a comma, bracket or arrow inside one is plain text below. */
function maskQuotes(source: string): string {
  let text = "";
  while (text.length < source.length) {
    const start = text.length + source.slice(text.length).search(/['"]|$/);
    text += source.slice(text.length, start);
    if (start === source.length) break;
    const end = source.indexOf(source[start] ?? "", start + 1);
    const at = (from: number, to: number): Span => ({ source, text: source, start: from, end: to });
    if (end < 0) throw malformed(at(start, source.length), "a quote is not closed");
    const backslash = source.slice(start, end).indexOf("\\");
    if (backslash >= 0) {
      const message = "a quoted string with a backslash (use a schema object)";
      throw malformed(at(start + backslash, start + backslash + 1), message);
    }
    text += mask.repeat(end + 1 - start);
  }
  return text;
}

function parseFields(span: Span, side: Side): PlacedField[] {
  const fields: PlacedField[] = [];
  const seen = new Set<string>();
  for (const piece of split(span, ",")) {
    const field = parseField(piece, side);
    if (seen.has(field.name)) throw malformed(field.at, `field ${field.name} is declared twice`);
    seen.add(field.name);
    fields.push(field);
  }
  return fields;
}

function parseField(span: Span, side: Side): PlacedField {
  const colon = textOf(span).indexOf(":");
  const at = trimmed(colon < 0 ? span : part(span, span.start, span.start + colon));
  const name = parseName(at, side);
  if (colon < 0) return { name, type: { kind: "str" }, at };
  const type = trimmed(part(span, span.start + colon + 1, span.end));
  if (!isBalanced(textOf(type))) {
    throw malformed(type, `unbalanced brackets in the type of ${name}`);
  }
  return { name, type: parseType(type), at };
}

function parseName(at: Span, side: Side): string {
  const name = textOf(at);
  if (name === "") throw malformed(at, "a field name is missing (stray comma?)");
  if (name.includes(mask)) throw malformed(at, "a quoted string belongs inside Literal[...]");
  const wrong = fieldNameProblem(name, side);
  if (wrong !== undefined) throw malformed(at, wrong);
  return name;
}

function parseType(span: Span): TypeSpec {
  const text = textOf(span);
  const plain = plainTypes.get(text);
  if (plain !== undefined) return plain;
  if (text === "") throw malformed(span, "a type is missing");
  const options = split(span, "|");
  if (options.length > 1) return unionOf(options.map(parseType));

  const bracket = text.indexOf("[");
  if (bracket >= 0 && text.endsWith("]")) {
    const name = trimmed(part(span, span.start, span.start + bracket));
    const inside = part(span, span.start + bracket + 1, span.end - 1);
    return parseGeneric(name, split(inside, ","));
  }
  const unprefixed = text.startsWith("typing.") ? plainTypes.get(text.slice(7)) : undefined;
  if (unprefixed !== undefined) return unprefixed;
  if (text.includes(mask)) throw malformed(span, "a quoted string belongs inside Literal[...]");
  if (Object.hasOwn(foreignTypes, text)) {
    const python = foreignTypes[text as keyof typeof foreignTypes];
    throw malformed(span, `unknown type ${text}; write ${python}`);
  }
  const known = [...plainTypes.keys(), ...genericNames.map((name) => `${name}[...]`)];
  throw malformed(span, `unknown type ${text}`, didYouMean(text, known));
}

function parseGeneric(at: Span, args: Span[]): TypeSpec {
  const name = textOf(at).replace(/^typing\./, "");
  const [first, second] = args as [Span, Span?];
  if (name === "Literal") return { kind: "literal", values: args.map(parseLiteralValue) };
  if (name === "Union") return unionOf(args.map(parseType));
  if (listNames.has(name) || setNames.has(name)) {
    if (args.length !== 1) throw malformed(at, `${name}[...] takes one type`);
    return { kind: listNames.has(name) ? "list" : "set", items: parseType(first) };
  }
  if (name === "Optional") {
    if (args.length !== 1) throw malformed(at, "Optional[...] takes one type");
    return unionOf([parseType(first), { kind: "none" }]);
  }
  if (dictNames.has(name)) {
    if (second === undefined || args.length > 2)
      throw malformed(at, `${name}[...] takes two types`);
    // The models write JSON objects, whose keys are text.
    if (textOf(first) !== "str") throw malformed(first, `the keys of ${name}[...] must be str`);
    return { kind: "dict", values: parseType(second) };
  }
  if (tupleNames.has(name)) {
    const isRun = second !== undefined && args.length === 2 && textOf(second) === "...";
    if (isRun) return { kind: "list", items: parseType(first) };
    return { kind: "tuple", items: args.map(parseType) };
  }
  throw malformed(at, `unknown type ${name}[...]`, didYouMean(name, genericNames));
}

function parseLiteralValue(at: Span): string | number | boolean | null {
  const text = textOf(at);
  if (text !== "" && text === mask.repeat(text.length)) {
    // Two strings side by side ('a' 'b') would be one in Python; here they are a forgotten comma.
    const quoted = at.source.slice(at.start, at.end);
    if (quoted.indexOf(quoted[0] ?? "", 1) === quoted.length - 1) return quoted.slice(1, -1);
  }
  if (text === "True") return true;
  if (text === "False") return false;
  if (text === "None") return null;
  const value = Number(text);
  if (text !== "" && Number.isSafeInteger(value) && String(value) === text) return value;
  throw malformed(at, "a Literal value must be a quoted string, an integer, True, False or None");
}

/** Flat and without repetitions, as Python's `Union`. */
function unionOf(types: TypeSpec[]): TypeSpec {
  const options = new Map<string, TypeSpec>();
  for (const type of types) {
    for (const option of type.kind === "union" ? type.options : [type]) {
      options.set(JSON.stringify(option), option);
    }
  }
  const [only, ...others] = options.values();
  return only !== undefined && others.length === 0
    ? only
    : { kind: "union", options: [...options.values()] };
}

/** Splits where brackets are balanced, and trims the parts. */
function split(span: Span, separator: string): Span[] {
  const parts: Span[] = [];
  let start = span.start;
  let depth = 0;
  for (let index = span.start; index < span.end; index++) {
    const character = span.text[index];
    if (character === "[") depth++;
    else if (character === "]") depth--;
    else if (character === separator && depth === 0) {
      parts.push(trimmed(part(span, start, index)));
      start = index + 1;
    }
  }
  return [...parts, trimmed(part(span, start, span.end))];
}

function isBalanced(text: string): boolean {
  return text.split("[").length === text.split("]").length;
}

function part(span: Span, start: number, end: number): Span {
  return { ...span, start, end };
}

function trimmed(span: Span): Span {
  let { start, end } = span;
  const isSpace = (index: number) => " \n\t\r".includes(span.text[index] ?? "x");
  while (start < end && isSpace(start)) start++;
  while (end > start && isSpace(end - 1)) end--;
  return part(span, start, end);
}

function textOf(span: Span): string {
  return span.text.slice(span.start, span.end);
}

function withoutPosition({ name, type }: PlacedField): FieldSpec {
  return { name, type };
}

/** `message` is the compiler's wording; `hint` is what only the run time can afford to find out. */
function malformed(at: Span, message: string, hint = ""): SnakepitError<"INVALID_ARGUMENT"> {
  const { source, start } = at;
  const lineStart = source.lastIndexOf("\n", start - 1) + 1;
  const nextBreak = source.indexOf("\n", start);
  const line = source.slice(lineStart, nextBreak < 0 ? source.length : nextBreak);
  const width = Math.max(1, Math.min(at.end, lineStart + line.length) - start);
  // A tab stays a tab in front of the caret, so that the two lines stay aligned.
  const indent = line.slice(0, start - lineStart).replace(/[^\t]/g, " ");
  return new SnakepitError(
    "INVALID_ARGUMENT",
    `malformed signature at offset ${start}: ${message}${hint}\n  ${line}\n  ${indent}${"^".repeat(width)}`,
    { outcome: "not-started", details: { signature: source, offset: start, problem: message } },
  );
}
