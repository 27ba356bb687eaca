import type { FieldSpec, SignatureSpec } from "snakepit-grpc-bridge";
import { isObject, refuse, show } from "./check.ts";
import { DspexError } from "./errors.ts";
import { fieldsOf, type JsonSchema } from "./json-schema.ts";
import { fieldNameProblem } from "./signature/parse.ts";

/** Signatures made of schemas: any library that speaks Standard Schema, https://standardschema.dev. */

/** Standard Schema version 1, of which zod, valibot, arktype and others are examples. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    /** Standard JSON Schema version 1: how the schema tells its shape. */
    readonly jsonSchema?:
      | {
          readonly input: (options: { readonly target: "draft-2020-12" }) => JsonSchema;
          readonly output: (options: { readonly target: "draft-2020-12" }) => JsonSchema;
        }
      | undefined;
  };
}

type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A signature as two object schemas. */
export interface SchemaSignature {
  readonly input: StandardSchema;
  readonly output: StandardSchema;
  /** The task in words. */
  readonly description?: string;
}

export type SchemaInput<S> = S extends {
  readonly "~standard": { readonly types?: { readonly input: infer T } | undefined };
}
  ? T
  : never;
export type SchemaOutput<S> = S extends {
  readonly "~standard": { readonly types?: { readonly output: infer T } | undefined };
}
  ? T
  : never;

/**
 * What DSPy is told: the inputs as they are *after* validation, the outputs as they are *before*,
 * since a schema may transform.
 * @throws SnakepitError INVALID_ARGUMENT for what is no schema
 * @throws DspexError SIGNATURE_INVALID for a schema that no signature can express
 */
export function signatureOf(signature: SchemaSignature): SignatureSpec {
  const { input, output, description } = signature;
  checkSchema("input", input);
  checkSchema("output", output);
  const spec: SignatureSpec = {
    ...(description === undefined ? {} : { instructions: description }),
    inputs: namedFields("input", shapeOf("input", input, "output")),
    outputs: namedFields("output", shapeOf("output", output, "input")),
  };
  for (const { name } of spec.outputs) {
    if (spec.inputs.some((field) => field.name === name)) {
      throw invalid(`field ${name} is both input and output; give one of them another name`);
    }
  }
  return spec;
}

/** @throws SnakepitError INVALID_ARGUMENT with every issue and its path */
export async function validInputs(
  schema: StandardSchema,
  inputs: unknown,
): Promise<Record<string, unknown>> {
  const result = await schema["~standard"].validate(inputs);
  if (result.issues !== undefined) {
    refuse(`the inputs do not fit their schema: ${issueList(result.issues)}; got ${show(inputs)}`);
  }
  return result.value as Record<string, unknown>;
}

/** @throws DspexError OUTPUT_INVALID with every issue, and the first one's field and value */
export async function validOutputs(
  schema: StandardSchema,
  outputs: Record<string, unknown>,
  model: string,
): Promise<unknown> {
  let result = await schema["~standard"].validate(outputs);
  if (result.issues !== undefined) {
    const answered = withoutUnwantedNulls(outputs, result.issues);
    if (answered !== undefined) result = await schema["~standard"].validate(answered);
  }
  if (result.issues === undefined) return result.value;
  const field = pathOf(result.issues[0]).split(/[.[]/)[0] ?? "";
  const received = show(field === "" ? outputs : outputs[field]);
  const message = `the answer of ${model} does not fit the output schema: ${issueList(result.issues)}; got ${received}`;
  throw new DspexError("OUTPUT_INVALID", message, {
    details: {
      model,
      field,
      expected: result.issues.map((issue) => issue.message).join("; "),
      received,
      issues: result.issues.map((issue) => ({ path: pathOf(issue), message: issue.message })),
    },
  });
}

function checkSchema(side: "input" | "output", schema: unknown): asserts schema is StandardSchema {
  const isSchema = typeof schema === "function" || isObject(schema);
  const standard = isSchema ? (schema as Partial<StandardSchema>)["~standard"] : undefined;
  if (typeof standard?.validate === "function") return;
  const expected =
    "a Standard Schema (zod, valibot, arktype, …), as in { input: z.object({ … }), output: … }";
  refuse(`${side} must be ${expected}; got ${show(schema)}`);
}

function shapeOf(
  side: "input" | "output",
  schema: StandardSchema,
  direction: "input" | "output",
): JsonSchema {
  const { vendor, jsonSchema } = schema["~standard"];
  if (jsonSchema === undefined) {
    const fix = fixes[vendor] ?? "use a library or version that offers Standard JSON Schema";
    throw invalid(`the ${side} schema (${vendor}) does not tell its shape as JSON Schema; ${fix}`);
  }
  try {
    return jsonSchema[direction]({ target: "draft-2020-12" });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `the ${side} schema (${vendor}) cannot be written as JSON Schema: ${why}`;
    throw new DspexError("SIGNATURE_INVALID", message, { cause, outcome: "not-started" });
  }
}

const fixes: Readonly<Record<string, string>> = {
  zod: "zod 4.2 or later does",
  valibot: "wrap it with toStandardJsonSchema() of @valibot/to-json-schema",
  arktype: "arktype 2.1.28 or later does",
};

function namedFields(side: "input" | "output", shape: JsonSchema): readonly FieldSpec[] {
  const fields = fieldsOf(shape, side);
  if (fields.length === 0) throw invalid(`the ${side} schema has no fields; give it at least one`);
  for (const { name } of fields) {
    const problem = fieldNameProblem(name, side);
    if (problem !== undefined) throw invalid(`${side} schema: ${problem}`);
  }
  return fields;
}

/**
 * A model writes null for an optional member that it has no value for, where schemas expect it to be
 * absent. A copy without the nulls that the schema complained of; undefined when there are none.
 */
function withoutUnwantedNulls(
  outputs: Record<string, unknown>,
  issues: readonly StandardIssue[],
): Record<string, unknown> | undefined {
  const copy = structuredClone(outputs);
  let found = false;
  for (const { path = [] } of issues) {
    const keys = path.map((part) => (typeof part === "object" ? part.key : part));
    const last = keys.pop();
    let holder: unknown = copy;
    for (const key of keys) holder = isContainer(holder) ? holder[key] : undefined;
    if (last === undefined || !isContainer(holder) || Array.isArray(holder)) continue;
    if (holder[last] !== null) continue;
    delete holder[last];
    found = true;
  }
  return found ? copy : undefined;
}

function isContainer(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null;
}

function issueList(issues: readonly StandardIssue[]): string {
  return issues
    .map((issue) => (pathOf(issue) === "" ? issue.message : `${pathOf(issue)}: ${issue.message}`))
    .join("; ");
}

function pathOf(issue: StandardIssue | undefined): string {
  let path = "";
  for (const part of issue?.path ?? []) {
    const key = typeof part === "object" ? part.key : part;
    path += typeof key === "number" ? `[${key}]` : `${path === "" ? "" : "."}${String(key)}`;
  }
  return path;
}

function invalid(message: string): DspexError<"SIGNATURE_INVALID"> {
  return new DspexError("SIGNATURE_INVALID", message, { outcome: "not-started" });
}
