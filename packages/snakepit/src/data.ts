import { show } from "./check-options.ts";

/** A value that deep is a cycle more often than not. */
const MAX_DEPTH = 100;

/**
 * What keeps a value from being JSON, with its path; undefined when it comes back from JSON exactly
 * as it was. Said before anything is written, since JSON itself drops and changes in silence.
 */
export function dataProblem(value: unknown, path: string, depth = 0): string | undefined {
  if (depth > MAX_DEPTH) return `${path} is nested more than ${MAX_DEPTH} deep, or contains itself`;
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0) ? undefined : notData(value, path);
    case "object":
      if (value === null) return undefined;
      if (Array.isArray(value)) return problemOfArray(value, path, depth);
      if (isPlain(value)) return problemOfObject(value, path, depth);
      return notData(value, path);
    default:
      return notData(value, path);
  }
}

function problemOfArray(array: readonly unknown[], path: string, depth: number) {
  for (let index = 0; index < array.length; index++) {
    const problem = dataProblem(array[index], `${path}[${index}]`, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOfObject(object: object, path: string, depth: number): string | undefined {
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined) continue; // as JSON does: a field that is not there
    const problem = dataProblem(value, `${path}.${key}`, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function notData(value: unknown, path: string): string {
  const what =
    typeof value === "object" && value !== null
      ? `an instance of ${value.constructor?.name ?? "a class"}`
      : show(value);
  return `${path} is ${what}, which JSON cannot hold; use strings, finite numbers, booleans, null, arrays and plain objects`;
}
