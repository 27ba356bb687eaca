import { expect, test } from "vitest";
import { fieldsOf, type JsonSchema } from "./json-schema.ts";
import {
  type StandardIssue,
  type StandardSchema,
  signatureOf,
  validInputs,
  validOutputs,
} from "./schema.ts";

/** A Standard Schema as any library makes them: a shape, and a check. */
function schema<T>(
  shape: JsonSchema,
  check: (value: T) => readonly StandardIssue[] = () => [],
): StandardSchema<T> {
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => {
        const issues = check(value as T);
        return issues.length > 0 ? { issues } : { value: value as T };
      },
      jsonSchema: { input: () => shape, output: () => shape },
    },
  };
}

const object = (properties: Record<string, JsonSchema>, required = Object.keys(properties)) => ({
  type: "object",
  properties,
  required,
});
const text = { type: "string" };
const typeOf = (member: JsonSchema) => fieldsOf(object({ x: member }), "output")[0]?.type;

test("two object schemas and a description make a signature", () => {
  const signature = signatureOf({
    description: "Answer briefly.",
    input: schema(object({ question: { ...text, description: "what is asked" } })),
    output: schema(object({ score: { type: "number", minimum: 0, maximum: 1 } })),
  });
  expect(signature).toEqual({
    instructions: "Answer briefly.",
    inputs: [{ name: "question", type: { kind: "str" }, description: "what is asked" }],
    outputs: [{ name: "score", type: { kind: "float" }, description: "(at least 0, at most 1)" }],
  });
});

test.each<[JsonSchema, unknown]>([
  [{ type: "integer" }, { kind: "int" }],
  [{ type: "boolean" }, { kind: "bool" }],
  [{ type: "null" }, { kind: "none" }],
  [{}, { kind: "any" }],
  [
    { type: "array", items: text },
    { kind: "list", items: { kind: "str" } },
  ],
  [
    { type: "array", prefixItems: [text, { type: "integer" }] },
    { kind: "tuple", items: [{ kind: "str" }, { kind: "int" }] },
  ],
  [
    { type: "object", additionalProperties: text },
    { kind: "dict", values: { kind: "str" } },
  ],
  [{ type: "object" }, { kind: "dict", values: { kind: "any" } }],
  [{ enum: ["a", "b"] }, { kind: "literal", values: ["a", "b"] }],
  [{ anyOf: [{ const: "a" }, { const: "b" }] }, { kind: "literal", values: ["a", "b"] }],
  [
    { anyOf: [text, { type: "null" }] },
    { kind: "union", options: [{ kind: "str" }, { kind: "none" }] },
  ],
  [{ type: ["string", "null"] }, { kind: "union", options: [{ kind: "str" }, { kind: "none" }] }],
  [
    object({ name: text }),
    { kind: "object", name: "X", fields: [{ name: "name", type: { kind: "str" } }] },
  ],
  [{ allOf: [{ type: "string" }] }, { kind: "str" }],
])("%j is %j", (member, type) => {
  expect(typeOf(member)).toEqual(type);
});

test("a member that may be absent may be null", () => {
  const [field] = fieldsOf(object({ note: text }, []), "output");
  expect(field?.type).toEqual({ kind: "union", options: [{ kind: "str" }, { kind: "none" }] });
});

test("an object in a list is named after its member, and endless bounds are left out", () => {
  const bounds = { minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };
  const people = { type: "array", items: object({ age: { type: "integer", ...bounds } }) };
  expect(fieldsOf(object({ people }), "output")[0]?.type).toEqual({
    kind: "list",
    items: { kind: "object", name: "People", fields: [{ name: "age", type: { kind: "int" } }] },
  });
});

test("references are followed", () => {
  const shape = { ...object({ who: { $ref: "#/$defs/a~1b" } }), $defs: { "a/b": text } };
  expect(fieldsOf(shape, "output")[0]?.type).toEqual({ kind: "str" });
});

test.each<[string, JsonSchema]>([
  ["must be an object", text],
  ["contains itself", { $ref: "#/$defs/n", $defs: { n: object({ n: { $ref: "#/$defs/n" } }) } }],
  ["refers to", object({ x: { $ref: "other.json" } })],
  ["has no fields", object({})],
  ["allows 1.5", object({ x: { const: 1.5 } })],
  ["is a Python keyword", object({ class: text })],
  ["is not a field name", object({ "two words": text })],
  ["is both input and output", object({ question: text })],
])("a schema that no signature can express is refused: it %s", (message, shape) => {
  const make = () =>
    signatureOf({ input: schema(object({ question: text })), output: schema(shape) });
  expect(make).toThrow(/SIGNATURE_INVALID/);
  expect(make).toThrow(message);
});

test("a schema without JSON Schema is refused with the way out for its library", () => {
  const plain = (vendor: string): StandardSchema => ({
    "~standard": { version: 1, vendor, validate: (value) => ({ value }) },
  });
  const make = (vendor: string) => () =>
    signatureOf({ input: plain(vendor), output: plain(vendor) });
  expect(make("valibot")).toThrow(/SIGNATURE_INVALID.*toStandardJsonSchema/);
  expect(make("zod")).toThrow(/4\.2/);
});

test("what is no schema is refused as an argument", () => {
  const make = () =>
    signatureOf({ input: { question: "str" }, output: {} } as unknown as Parameters<
      typeof signatureOf
    >[0]);
  expect(make).toThrow(/INVALID_ARGUMENT.*input must be a Standard Schema/);
});

test("issues with the inputs are an INVALID_ARGUMENT with their paths", async () => {
  const issues = [{ message: "too short", path: ["list", 2, { key: "name" }] }];
  const invalid = schema(object({}), () => issues);
  await expect(validInputs(invalid, { list: [] })).rejects.toThrow(
    /INVALID_ARGUMENT.*list\[2\]\.name: too short/,
  );
});

test("issues with the outputs are an OUTPUT_INVALID with field, expectation and value", async () => {
  const invalid = schema(object({}), () => [{ message: "at most 1", path: ["score"] }]);
  await expect(validOutputs(invalid, { score: 7 }, "openai/x")).rejects.toMatchObject({
    code: "OUTPUT_INVALID",
    details: { model: "openai/x", field: "score", expected: "at most 1", received: "7" },
  });
});

test("a null that stands for an absent member is taken out, and only such a null", async () => {
  type Note = { person: { note?: string | null; name: string | null } };
  const strict = schema<Note>(object({}), ({ person }) => [
    ...(person.note === null ? [{ message: "not null", path: ["person", "note"] }] : []),
  ]);
  const outputs = { person: { note: null, name: null } };
  expect(await validOutputs(strict, outputs, "m")).toEqual({ person: { name: null } });
  expect(outputs).toEqual({ person: { note: null, name: null } });
});
