import type { FieldSpec, SignatureSpec, TypeSpec } from "snakepit-grpc-bridge";
import { isObject, type Problem, show } from "../check.ts";
import { closest } from "../closest.ts";

/** Whether values are what a signature says, in both directions. */

export interface ValueProblem {
  /** `context[2]`, `person.age`. */
  readonly path: string;
  /** As Python writes it: `list[str]`. */
  readonly expected: string;
  readonly received: unknown;
}

/** Every fault of a call's inputs: missing, unknown and wrongly typed ones. */
export function inputProblems(signature: SignatureSpec, inputs: unknown): readonly Problem[] {
  const names = signature.inputs.map((field) => field.name);
  if (!isObject(inputs)) {
    return [`the inputs must be an object such as { ${names.join(", ")} }; got ${show(inputs)}`];
  }
  const unknown = Object.keys(inputs).filter((name) => !names.includes(name));
  const missing = signature.inputs.filter(({ name }) => !hasValue(inputs, name));
  return [
    ...missing.map((field) => missingProblem(field, unknown)),
    ...unknown.map((name) => unknownProblem(name, names)),
    ...signature.inputs
      .filter(({ name }) => hasValue(inputs, name))
      .flatMap(({ name, type }) => valueProblems(type, inputs[name], name))
      .map(({ path, expected, received }) => `${path} must be ${expected}; got ${show(received)}`),
  ];
}

/** The faults of one value; empty when it fits. */
export function valueProblems(type: TypeSpec, value: unknown, path: string): ValueProblem[] {
  const fits = (is: boolean): ValueProblem[] =>
    is ? [] : [{ path, expected: typeName(type), received: value }];
  switch (type.kind) {
    case "any":
      return [];
    case "str":
    case "date":
    case "datetime":
      return fits(typeof value === "string");
    case "int":
      return fits(Number.isInteger(value) || typeof value === "bigint");
    case "float":
      return fits(typeof value === "number");
    case "bool":
      return fits(typeof value === "boolean");
    case "none":
      return fits(value === null);
    case "bytes":
      return fits(value instanceof Uint8Array);
    case "literal":
      return fits(type.values.includes(value as string));
    case "list":
    case "set":
      if (!Array.isArray(value)) return fits(false);
      return value.flatMap((item, index) => valueProblems(type.items, item, `${path}[${index}]`));
    case "tuple":
      if (!Array.isArray(value) || value.length !== type.items.length) return fits(false);
      return type.items.flatMap((item, index) =>
        valueProblems(item, value[index], `${path}[${index}]`),
      );
    case "dict":
      if (!isObject(value)) return fits(false);
      return Object.entries(value).flatMap(([key, item]) =>
        valueProblems(type.values, item, `${path}.${key}`),
      );
    case "object":
      if (!isObject(value)) return fits(false);
      // A member that may be null may also be absent.
      return type.fields.flatMap((field) =>
        valueProblems(field.type, value[field.name] ?? null, `${path}.${field.name}`),
      );
    case "union":
      return fits(type.options.some((option) => valueProblems(option, value, path).length === 0));
    case "dspy":
      // DSPy reads several shapes for each; what it cannot read it refuses itself.
      return fits(typeof value === "string" || isObject(value));
  }
}

/** The type in Python's words. */
export function typeName(type: TypeSpec): string {
  switch (type.kind) {
    case "none":
      return "None";
    case "any":
      return "Any";
    case "date":
    case "datetime":
      return `datetime.${type.kind} (ISO 8601 text)`;
    case "list":
    case "set":
      return `${type.kind}[${typeName(type.items)}]`;
    case "dict":
      return `dict[str, ${typeName(type.values)}]`;
    case "tuple":
      return `tuple[${type.items.map(typeName).join(", ")}]`;
    case "literal":
      return `Literal[${type.values.map(literalName).join(", ")}]`;
    case "union":
      return type.options.map(typeName).join(" | ");
    case "object":
      return `${type.name} { ${type.fields.map(({ name, type }) => `${name}: ${typeName(type)}`).join(", ")} }`;
    case "dspy":
      return `dspy.${type.name}`;
    default:
      return type.kind;
  }
}

function literalName(value: string | number | boolean | null): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "number" ? String(value) : `'${value}'`;
}

// `undefined` would arrive as None, which is hardly ever what a forgotten variable means.
function hasValue(inputs: Record<string, unknown>, name: string): boolean {
  return Object.hasOwn(inputs, name) && inputs[name] !== undefined;
}

function missingProblem({ name, type }: FieldSpec, unknown: readonly string[]): Problem {
  const meant = closest(name, unknown);
  const hint = meant === undefined ? "" : `; ${meant} looks like it`;
  return `input ${name} (${typeName(type)}) is missing${hint}`;
}

function unknownProblem(name: string, names: readonly string[]): Problem {
  const meant = closest(name, names);
  const hint =
    meant === undefined ? `its inputs are ${names.join(", ")}` : `did you mean ${meant}?`;
  return `the signature has no input ${name}; ${hint}`;
}
