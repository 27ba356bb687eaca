import { SnakepitError } from "snakepit-grpc-bridge";
import { closest, didYouMean } from "./closest.ts";

/** Checks of what a caller passed in. Each message names the value, what it should be, and the fix. */

/** What is wrong, before anybody decided which error it becomes. */
export type Problem = string;

/** @throws SnakepitError INVALID_ARGUMENT; nothing was sent */
export function refuse(message: string, details: Readonly<Record<string, unknown>> = {}): never {
  throw new SnakepitError("INVALID_ARGUMENT", message, { outcome: "not-started", details });
}

export function refuseAll(problems: readonly Problem[]): void {
  if (problems.length > 0) refuse(problems.join("; "));
}

/** `where` is the name that the caller knows: `question`, `labels[2]`. */
export function checkText(where: string, value: unknown): void {
  if (typeof value !== "string") refuse(`${where} must be a string; got ${show(value)}`);
  if (value.trim() === "") refuse(`${where} is empty; it must hold the text to work on`);
}

/** An array with at least one text, and no text twice. */
export function checkNames(where: string, values: unknown, example: string): void {
  if (!Array.isArray(values)) {
    refuse(`${where} must be an array of strings such as ${example}; got ${show(values)}`);
  }
  if (values.length === 0) refuse(`${where} is empty; name at least one, such as ${example}`);
  const seen = new Map<string, number>();
  for (const [index, value] of values.entries()) {
    const at = `${where}[${index}]`;
    if (typeof value !== "string") refuse(`${at} must be a string; got ${show(value)}`);
    if (value.trim() === "") refuse(`${at} is empty (${show(value)}); every one needs a text`);
    // Models answer without surrounding blanks, so two that differ only there could not be told apart.
    const before = seen.get(value.trim());
    if (before !== undefined) {
      refuse(`${at} repeats ${where}[${before}], ${show(value)}; each may appear once`);
    }
    seen.set(value.trim(), index);
  }
}

/** A whole number from 1. */
export function checkCount(where: string, value: unknown): void {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) {
    refuse(`${where} must be a whole number from 1; got ${show(value)}`);
  }
}

/** Finds misspelt names: an option that nobody reads is a fault that nobody sees. */
export function unknownKeys(
  where: string,
  value: object,
  known: readonly string[],
): readonly Problem[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const near = closest(key, known);
      const list = near === undefined ? `; it takes ${known.join(", ")}` : didYouMean(key, known);
      return `${where} has no ${key}${list}`;
    });
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as a person would write it, at most 80 characters. */
export function show(value: unknown): string {
  const text = shownWhole(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

function shownWhole(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Error) return `an error (${value.message})`;
  try {
    return JSON.stringify(value) ?? Object.prototype.toString.call(value);
  } catch {
    // Cyclic, or its toJSON throws: its kind is all that can be said.
    return Object.prototype.toString.call(value);
  }
}
