import type { FieldSpec, TypeSpec } from "snakepit-grpc-bridge";
import { isObject, show } from "./check.ts";
import { DspexError } from "./errors.ts";

/** A JSON Schema as validation libraries write it: plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The members of an object schema as fields. A member that may be absent may be null instead,
 * because a model that has nothing to say writes null.
 * @throws DspexError SIGNATURE_INVALID with the path of what no field can express
 */
export function fieldsOf(schema: JsonSchema, path: string): readonly FieldSpec[] {
  const resolved = new Reader(schema).object(schema, path, []);
  if (resolved === undefined) {
    throw invalid(
      path,
      `must be an object with one member per field; it is ${show(schema["type"])}`,
    );
  }
  return resolved;
}

/** What a schema says beyond a type, in words, so that the model hears of it before validation. */
const rules: readonly (readonly [string, (value: unknown) => string])[] = [
  ["minimum", (value) => `at least ${value}`],
  ["exclusiveMinimum", (value) => `above ${value}`],
  ["maximum", (value) => `at most ${value}`],
  ["exclusiveMaximum", (value) => `below ${value}`],
  ["multipleOf", (value) => `a multiple of ${value}`],
  ["minLength", (value) => `at least ${value} characters`],
  ["maxLength", (value) => `at most ${value} characters`],
  ["pattern", (value) => `matching ${value}`],
  ["format", (value) => `format ${value}`],
  ["minItems", (value) => `at least ${value} items`],
  ["maxItems", (value) => `at most ${value} items`],
];

class Reader {
  readonly #root: JsonSchema;

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  /** `above` are the references that are being read, to find schemas that contain themselves. */
  object(schema: JsonSchema, path: string, above: readonly string[]): FieldSpec[] | undefined {
    const reference = schema["$ref"];
    if (typeof reference === "string") {
      return this.object(this.#follow(reference, path, above), path, [...above, reference]);
    }
    const properties = schema["properties"];
    if (!isObject(properties)) return undefined;
    const required = Array.isArray(schema["required"]) ? schema["required"] : [];
    return Object.entries(properties).map(([name, member]) => {
      const at = `${path}.${name}`;
      const value = isObject(member) ? member : {};
      const type = this.type(value, at, above);
      const description = descriptionOf(value);
      return {
        name,
        type: required.includes(name) ? type : optional(type),
        ...(description === undefined ? {} : { description }),
      };
    });
  }

  type(schema: JsonSchema, path: string, above: readonly string[]): TypeSpec {
    const reference = schema["$ref"];
    if (typeof reference === "string") {
      return this.type(this.#follow(reference, path, above), path, [...above, reference]);
    }
    if ("const" in schema) return literal([schema["const"]], path);
    if (Array.isArray(schema["enum"])) return literal(schema["enum"], path);
    const alternatives = schema["anyOf"] ?? schema["oneOf"];
    if (Array.isArray(alternatives)) {
      return union(alternatives.map((option) => this.type(option, path, above)));
    }
    const all = schema["allOf"];
    if (Array.isArray(all)) {
      const merged = Object.assign({}, schema, ...all) as Record<string, unknown>;
      if (all.length > 1) throw invalid(path, "combines several schemas (allOf); write one");
      delete merged["allOf"];
      return this.type(merged, path, above);
    }
    const kind = schema["type"];
    if (Array.isArray(kind)) {
      return union(kind.map((one) => this.type({ ...schema, type: one }, path, above)));
    }
    return this.#simple(kind, schema, path, above);
  }

  #simple(kind: unknown, schema: JsonSchema, path: string, above: readonly string[]): TypeSpec {
    switch (kind) {
      case "string":
        return { kind: "str" };
      case "integer":
        return { kind: "int" };
      case "number":
        return { kind: "float" };
      case "boolean":
        return { kind: "bool" };
      case "null":
        return { kind: "none" };
      case "array":
        return this.#array(schema, path, above);
      case "object":
        return this.#object(schema, path, above);
      case undefined:
        return { kind: "any" };
      default:
        throw invalid(path, `has a type that no field can have: ${show(kind)}`);
    }
  }

  #array(schema: JsonSchema, path: string, above: readonly string[]): TypeSpec {
    const places = schema["prefixItems"];
    if (Array.isArray(places)) {
      return {
        kind: "tuple",
        items: places.map((item, index) => this.type(item, `${path}[${index}]`, above)),
      };
    }
    const items = isObject(schema["items"]) ? schema["items"] : {};
    return { kind: "list", items: this.type(items, `${path}[]`, above) };
  }

  #object(schema: JsonSchema, path: string, above: readonly string[]): TypeSpec {
    const fields = this.object(schema, path, above) ?? [];
    if (fields.length > 0) return { kind: "object", name: objectName(schema, path), fields };
    const values = schema["additionalProperties"];
    return {
      kind: "dict",
      values: isObject(values) ? this.type(values, `${path}.*`, above) : { kind: "any" },
    };
  }

  #follow(reference: string, path: string, above: readonly string[]): JsonSchema {
    if (above.includes(reference)) {
      throw invalid(path, "contains itself; a model's answer needs a shape that ends");
    }
    let found: unknown = this.#root;
    for (const part of reference.replace(/^#\/?/, "").split("/").filter(Boolean)) {
      const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
      found = isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined;
    }
    if (!reference.startsWith("#") || !isObject(found)) {
      throw invalid(path, `refers to ${reference}, which is not part of the schema`);
    }
    return found;
  }
}

function descriptionOf(schema: JsonSchema): string | undefined {
  const said = typeof schema["description"] === "string" ? [schema["description"]] : [];
  const limits = rules
    .filter(([name]) => name in schema && !isEndless(schema[name]))
    .map(([name, say]) => say(schema[name]));
  const parts = [...said, ...(limits.length === 0 ? [] : [`(${limits.join(", ")})`])];
  return parts.length === 0 ? undefined : parts.join(" ");
}

/** The bounds that libraries write for every integer tell a model nothing. */
function isEndless(limit: unknown): boolean {
  return typeof limit === "number" && Math.abs(limit) >= Number.MAX_SAFE_INTEGER;
}

function literal(values: readonly unknown[], path: string): TypeSpec {
  const isPlain = (value: unknown) =>
    value === null || ["string", "boolean"].includes(typeof value) || Number.isSafeInteger(value);
  const bad = values.find((value) => !isPlain(value));
  if (bad !== undefined || values.length === 0) {
    throw invalid(path, `allows ${show(bad)}; a Literal holds texts, integers, booleans and null`);
  }
  return { kind: "literal", values: values as (string | number | boolean | null)[] };
}

/** Flat and without repetitions; literals become one. */
function union(types: readonly TypeSpec[]): TypeSpec {
  const flat = types.flatMap((type) => (type.kind === "union" ? type.options : [type]));
  const values = flat.flatMap((type) => (type.kind === "literal" ? type.values : []));
  const others = flat.filter((type) => type.kind !== "literal");
  const joined: TypeSpec[] = [
    ...(values.length === 0 ? [] : [{ kind: "literal", values: [...new Set(values)] } as const]),
    ...others,
  ];
  const options = [...new Map(joined.map((type) => [JSON.stringify(type), type])).values()];
  const [only] = options;
  return only !== undefined && options.length === 1 ? only : { kind: "union", options };
}

function optional(type: TypeSpec): TypeSpec {
  return type.kind === "any" ? type : union([type, { kind: "none" }]);
}

/** A class name for Python: the schema's title, else the member's own name. */
function objectName(schema: JsonSchema, path: string): string {
  const member = path.match(/\w+/g)?.pop() ?? "";
  const said = typeof schema["title"] === "string" ? schema["title"] : member;
  const words = said.match(/[A-Za-z0-9]+/g) ?? [];
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
  return /^[A-Z]/.test(name) && name !== "None" ? name : `Object${name}`;
}

function invalid(path: string, message: string): DspexError<"SIGNATURE_INVALID"> {
  return new DspexError("SIGNATURE_INVALID", `the schema of ${path} ${message}`, {
    outcome: "not-started",
    details: { field: path },
  });
}
