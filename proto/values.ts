/**
 * TypeScript values of the descriptions in `values.json`, and text in which two values are alike
 * when they are the same. The tests of both languages use these descriptions; Python's half is
 * `value_cases.py`.
 */
import { readFileSync } from "node:fs";

export interface ValueCase {
  readonly name: string;
  readonly value: unknown;
  /** Its class in Python, with the module. */
  readonly python: string;
  /** Its class in TypeScript, or what `typeof` says. */
  readonly typescript: string;
}

export const valueCases: readonly ValueCase[] = JSON.parse(
  readFileSync(new URL("values.json", import.meta.url), "utf8"),
);

/** A table is made in Python only: TypeScript passes it on. */
export const builtCases = valueCases.filter(
  ({ value }) => typeof value !== "object" || value === null || !("table" in value),
);

type Maker = new (...args: never[]) => object;

/** What this file needs of the package under test, whose source or build that may be. */
export interface ValueClasses {
  readonly PyTuple: { from(items: Iterable<unknown>): unknown };
  readonly pyFloat: (value: number) => unknown;
  readonly PyFrozenSet: Maker;
  readonly PyDateTime: Maker;
  readonly PyDate: Maker;
  readonly PyTime: Maker;
  readonly PyTimeDelta: Maker;
  readonly PyDecimal: Maker;
  readonly PyUuid: Maker;
  readonly PyComplex: Maker;
  readonly PyPath: Maker;
  readonly PyEnum: Maker;
  readonly Tensor: Maker;
}

type TypedArray = new (buffer: ArrayBuffer) => object;

const arrays: Readonly<Record<string, TypedArray>> = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  complex64: Float32Array,
  complex128: Float64Array,
};

export function build(description: unknown, classes: ValueClasses): unknown {
  if (typeof description !== "object" || description === null) return description;
  // biome-ignore lint/suspicious/noExplicitAny: each word has content of its own kind
  const [tag, content] = Object.entries(description)[0] as [string, any];
  const items = () => (content as unknown[]).map((item) => build(item, classes));
  const make = (name: Exclude<keyof ValueClasses, "PyTuple" | "pyFloat">, ...args: unknown[]) =>
    new classes[name](...(args as never[]));
  switch (tag) {
    case "int": {
      const value = BigInt(content);
      return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    }
    case "float":
      return classes.pyFloat(number(content));
    case "text":
      return (content[0] as string).repeat(content[1]);
    case "bytes":
      return new Uint8Array(Buffer.from(content, "hex"));
    case "list":
      return items();
    case "tuple":
      return classes.PyTuple.from(items());
    case "set":
      return new Set(items());
    case "frozenset":
      return make("PyFrozenSet", items());
    case "dict":
      return dict(content, classes);
    case "datetime":
      return make("PyDateTime", content);
    case "date":
      return make("PyDate", content);
    case "time":
      return make("PyTime", content);
    case "timedelta": {
      const [days, seconds, microseconds] = content;
      return make("PyTimeDelta", { days, seconds, microseconds });
    }
    case "decimal":
      return make("PyDecimal", content);
    case "uuid":
      return make("PyUuid", content);
    case "complex":
      return make("PyComplex", number(content[0]), number(content[1]));
    case "path":
      return make("PyPath", content[1], content[0]);
    case "enum":
      return make("PyEnum", content[0], content[1], build(content[2], classes));
    case "array": {
      const [dtype, shape, digits] = content as [string, number[], string];
      const { buffer } = new Uint8Array(Buffer.from(digits, "hex"));
      return make("Tensor", { dtype, shape, data: new (arrays[dtype] as TypedArray)(buffer) });
    }
    default:
      throw new Error(`values.json describes a value by the unknown word ${tag}`);
  }
}

/** Class and content of a value, to the last bit. */
export function show(value: unknown): string {
  const name = className(value);
  if (typeof value === "bigint") return `bigint ${value}`;
  if (typeof value === "number") return `number ${Object.is(value, -0) ? "-0" : value}`;
  if (typeof value !== "object" || value === null) return `${name} ${JSON.stringify(value)}`;
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return `${name} ${bytes.toString("hex")}`;
  }
  if (Array.isArray(value)) return `${name} [${value.map(show).join(", ")}]`;
  // Neither language promises an order of the members of a set.
  if (value instanceof Set) return `${name} {${[...value].map(show).sort().join(", ")}}`;
  if (value instanceof Map) return `${name} {${[...value].map(show).join(", ")}}`;
  if (name === "PyFloat") return show((value as unknown as { value: number }).value);
  const entries = Object.entries(value).map(([key, item]) => `${key}: ${show(item)}`);
  const moment = value instanceof Date ? `${value.getTime()} ` : "";
  return `${name} ${moment}{${entries.join(", ")}}`;
}

/** `"Array"`, `"PyTuple"`, `"Object"` for a plain one, `"number"`, `"null"`. */
export function className(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  const prototype: object | null = Object.getPrototypeOf(value);
  return prototype === null ? "Object" : prototype.constructor.name;
}

function dict(entries: readonly [unknown, unknown][], classes: ValueClasses): unknown {
  const built = entries.map(([key, item]) => [build(key, classes), build(item, classes)] as const);
  if (built.some(([key]) => typeof key !== "string")) return new Map(built);
  const object: Record<string, unknown> = Object.create(null);
  for (const [key, item] of built) object[key as string] = item;
  return object;
}

function number(text: string): number {
  return Number(text.replace("inf", "Infinity"));
}
