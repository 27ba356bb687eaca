/**
 * The tools of every options table: fill in the defaults, then collect each problem as one
 * sentence, so that the caller hears of all of them at once. Whoever collects them throws.
 */

/** The input over the defaults; an `undefined` counts as absent. Keys of neither are not copied. */
export function withDefaults<Options extends object>(
  defaults: Options,
  input: { readonly [Key in keyof Options]?: Options[Key] | undefined },
): Options {
  const options = { ...defaults };
  for (const key of Object.keys(defaults) as (keyof Options)[]) {
    const value = input[key];
    if (value !== undefined) options[key] = value;
  }
  return options;
}

/** The smallest integer allowed, and whether `Infinity` is allowed as "no limit". */
export type IntegerRule = number | { readonly min: number; readonly orInfinity: boolean };

/**
 * Each name of `rules` must be an integer of at least its minimum. `Infinity` is allowed where the
 * name ends in `Ms` (no limit of time) or the rule says so.
 */
export function checkIntegers(
  values: object,
  rules: Readonly<Record<string, IntegerRule>>,
): string[] {
  return Object.entries(rules).flatMap(([name, rule]) => {
    const value = (values as Record<string, unknown>)[name];
    const { min, orInfinity } =
      typeof rule === "number" ? { min: rule, orInfinity: name.endsWith("Ms") } : rule;
    if (Number.isSafeInteger(value) && (value as number) >= min) return [];
    if (orInfinity && value === Number.POSITIVE_INFINITY) return [];
    const infinity = orInfinity ? " or Infinity" : "";
    return [`${name} must be an integer of at least ${min}${infinity}, not ${show(value)}`];
  });
}

/** A kind of value and the words for it: "must be ‹expected›". */
export interface Kind {
  readonly expected: string;
  is(value: unknown): boolean;
}

const isString = (value: unknown): boolean => typeof value === "string";

export const text: Kind = {
  expected: "a string that is not empty",
  is: (value) => typeof value === "string" && value !== "",
};
export const texts: Kind = {
  expected: "an array of strings",
  is: (value) => Array.isArray(value) && value.every(isString),
};
export const textMap: Kind = {
  expected: "an object whose values are strings",
  is: (value) => isObject(value) && Object.values(value).every(isString),
};
export const callback: Kind = {
  expected: "a function",
  is: (value) => typeof value === "function",
};
export const truth: Kind = {
  expected: "true or false",
  is: (value) => typeof value === "boolean",
};
export const objectMap: Kind = { expected: "an object", is: isObject };
export function oneOf(...choices: readonly string[]): Kind {
  return {
    expected: `one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`,
    is: (value) => choices.includes(value as string),
  };
}

/** Each name of `kinds` must be of its kind. Absent ones pass unless they are `required`. */
export function checkKinds(
  input: object,
  kinds: Readonly<Record<string, Kind>>,
  required: readonly string[] = [],
): string[] {
  if (!isObject(input)) return []; // `checkKnownKeys` says so
  return Object.entries(kinds).flatMap(([name, kind]) => {
    const value = (input as Record<string, unknown>)[name];
    if (value === undefined && !required.includes(name)) return [];
    return kind.is(value) ? [] : [`${name} must be ${kind.expected}, not ${show(value)}`];
  });
}

/** Options that nobody reads are typing mistakes more often than not. `name` is whose options. */
export function checkKnownKeys(
  name: string,
  input: unknown,
  knownKeys: readonly string[],
): string[] {
  if (!isObject(input)) return [`the options of ${name} must be an object, not ${show(input)}`];
  return Object.keys(input)
    .filter((key) => !knownKeys.includes(key))
    .map((key) => {
      const match = closest(key, knownKeys);
      const help = match === undefined ? `known are ${knownKeys.join(", ")}` : `meant ${match}?`;
      return `${name} has no option ${show(key)}; ${help}`;
    });
}

/**
 * The candidate that a person most likely meant by `word`, or none that is near enough: at most
 * two letters in five differ. Case does not count, the first of equals wins.
 */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  // A name from outside may be long; nobody mistypes a hundred letters.
  if (word.length > 100) return undefined;
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const letters = Math.max(word.length, candidate.length);
    if (letters > 100) continue;
    const apart = distance(word.toLowerCase(), candidate.toLowerCase());
    if (apart < bestDistance && apart <= Math.max(1, Math.floor(letters * 0.4))) {
      best = candidate;
      bestDistance = apart;
    }
  }
  return best;
}

/** A value as it may stand in an error: short, and never the inside of an object. */
export function show(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  }
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "bigint" ? `${value}n` : String(value);
}

/** `"an ArrayBuffer"`, `"a Uint8Array"`: a `u` is spoken as in "you" in the names that there are. */
export function withArticle(noun: string): string {
  return `${/^[aeio]/i.test(noun) ? "an" : "a"} ${noun}`;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Letters to insert, delete, replace or swap with a neighbour (optimal string alignment). */
function distance(left: string, right: string): number {
  let twoAbove: number[] = [];
  let above = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let cost = Math.min(
        at(above, column) + 1,
        at(current, column - 1) + 1,
        at(above, column - 1) + (same ? 0 : 1),
      );
      if (left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        cost = Math.min(cost, at(twoAbove, column - 2) + 1);
      }
      current.push(cost);
    }
    twoAbove = above;
    above = current;
  }
  return at(above, right.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
