import { types } from "node:util";
import { withArticle } from "../check-options.ts";
import { SnakepitError } from "../errors.ts";

/** Deepest nesting of containers in a call's `args`, a reply or a chunk. Workers hold to the same. */
export const maxDepth = 100;

/** A step from a container to one of its values; the first one is an index into the record. */
export type PathKey = string | number;

/** In place of a key: the container was entered, and none of its values was come to. */
export const noKeyYet = -1;

/** Why a value cannot be sent: what it is (`details.type`), and what to send instead. */
export interface Refusal {
  readonly type: string;
  readonly fix: string;
}

export const refusals = {
  circular: {
    type: "circular reference",
    fix: "send ids in place of the objects that they stand for",
  },
  tooDeep: {
    type: `nesting deeper than ${maxDepth}`,
    fix: "flatten the value, or send it as a string of JSON",
  },
  loneSurrogate: {
    type: "string with half of a surrogate pair",
    fix: "use text.toWellFormed(), or cut the text between characters",
  },
  hugeInteger: { type: "bigint beyond 64 bits", fix: "send it as a string" },
  throwingGetter: { type: "getter that throws", fix: "send a plain copy of the object" },
} satisfies Record<string, Refusal>;

/**
 * The error for one value that a codec does not carry. The value itself stays out of it, because
 * errors end up in logs. Nothing was sent, so the outcome is `not-started`.
 */
export function refused(
  path: readonly PathKey[],
  { type, fix }: Refusal,
  options: { readonly cause?: unknown } = {},
): SnakepitError<"SERIALIZATION"> {
  const where = formatPath(path);
  return new SnakepitError("SERIALIZATION", `${where}: cannot send ${withArticle(type)}; ${fix}`, {
    ...options,
    outcome: "not-started",
    details: { path: where, type },
  });
}

/** `maxValueBytes` is that of a codec whose big binaries travel beside the document. */
export function tooLarge(
  bytes: number,
  limitBytes: number,
  maxValueBytes?: number,
): SnakepitError<"VALUE_TOO_LARGE"> {
  const rest =
    maxValueBytes === undefined
      ? "send it in parts, or write a file and send its path"
      : `that is for all text, lists and maps of one call, and big bytes, arrays and tables go beside it, up to maxValueBytes (${maxValueBytes}); ` +
        "send them as such, send several calls, or write a file and send its path";
  return new SnakepitError(
    "VALUE_TOO_LARGE",
    `a frame with this value takes ${bytes} bytes or more, and ${limitBytes} are allowed; ${rest}`,
    { outcome: "not-started", details: { bytes, limitBytes } },
  );
}

/** For binaries that would travel in parts; known before anything is sent, or even looked at. */
export function valueTooLarge(bytes: number, limitBytes: number): SnakepitError<"VALUE_TOO_LARGE"> {
  return new SnakepitError(
    "VALUE_TOO_LARGE",
    `a value with ${bytes} bytes of binaries or more, and maxValueBytes allows ${limitBytes}; ` +
      "raise it, send it as a stream of calls, or write a file and send its path",
    { outcome: "not-started", details: { bytes, limitBytes } },
  );
}

/** For a getter inside a record that makes a call through the encoder which is reading it. */
export function reentered(): SnakepitError<"INVALID_ARGUMENT"> {
  return new SnakepitError(
    "INVALID_ARGUMENT",
    "a getter made a call while the object that it belongs to was being sent; send a plain copy",
    { outcome: "not-started" },
  );
}

/** Where a walk is, without the keys that earlier walks have left behind it. */
export function pathTo(keys: readonly PathKey[], depth: number): readonly PathKey[] {
  return keys.slice(0, keys[depth] === noKeyYet ? depth : depth + 1);
}

/**
 * What the caller gets to see for `error`, which ended the walk over `record` at `path`: a getter's
 * own error comes with the place, and an endless value is called by its name.
 */
export function explain(
  error: unknown,
  record: readonly unknown[],
  path: readonly PathKey[],
): unknown {
  if (!SnakepitError.is(error)) {
    const refusal = detachedIn(record, path) ?? refusals.throwingGetter;
    return refused(path, refusal, { cause: error });
  }
  const endless =
    SnakepitError.is(error, "VALUE_TOO_LARGE") ||
    (SnakepitError.is(error, "SERIALIZATION") && error.details.type === refusals.tooDeep.type);
  const circle = endless ? findCircle(record, path) : undefined;
  return circle === undefined ? error : refused(circle, refusals.circular);
}

/**
 * Bytes that have moved to another thread can be read no more than what a getter hides. They are the
 * value at `path` itself, or a field of it.
 */
function detachedIn(record: readonly unknown[], path: readonly PathKey[]): Refusal | undefined {
  const view = candidates(record, path).find(isDetached);
  if (view === undefined) return undefined;
  return {
    type: `${typeName(view)} whose buffer was transferred`,
    fix: "send it first, or transfer a copy of it: array.slice()",
  };
}

/** The value at `path` and its fields. None when they cannot be looked at without their getters. */
function candidates(record: readonly unknown[], path: readonly PathKey[]): readonly unknown[] {
  let value: unknown = record;
  try {
    for (const key of path) value = step(value, key);
    if (typeof value !== "object" || value === null) return [];
    const fields = Object.values(Object.getOwnPropertyDescriptors(value));
    return [value, ...fields.map((field) => field.value)];
  } catch {
    return []; // a getter on the way, a proxy that throws or was revoked
  }
}

function isDetached(value: unknown): boolean {
  if (!ArrayBuffer.isView(value)) return false;
  try {
    new Uint8Array(value.buffer);
    return false;
  } catch {
    return true; // the only reason for which a buffer gives no view; `detached` is not in Node 20
  }
}

/** `args.items[3]["odd key"]`: what one would write in JavaScript to get at the value. */
function formatPath([first, ...rest]: readonly PathKey[]): string {
  let path = first === 3 ? "args" : `record[${first}]`;
  for (const key of rest) {
    if (typeof key === "number") path += `[${key}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(key)) path += `.${key}`;
    else path += `[${JSON.stringify(key)}]`;
  }
  return path.length > 500 ? `${path.slice(0, 500)}…` : path;
}

/**
 * The part of `path` that leads from a container back to itself. Looked for only after a record
 * was found too deep or too large, so that no other record pays for it.
 */
function findCircle(
  record: readonly unknown[],
  path: readonly PathKey[],
): readonly PathKey[] | undefined {
  const seen = new Set<unknown>();
  let value: unknown = record;
  try {
    for (const [index, key] of path.entries()) {
      value = step(value, key);
      if (typeof value !== "object" || value === null) return undefined;
      if (seen.has(value)) return path.slice(0, index + 1);
      seen.add(value);
    }
  } catch {
    // A getter that throws when it is asked once more.
  }
  return undefined;
}

/** In what has no keys of its own, or keys other than text, a number is that of the entry. */
function step(container: unknown, key: PathKey): unknown {
  if (types.isMap(container)) {
    return typeof key === "string" ? container.get(key) : [...container.values()][key];
  }
  if (types.isSet(container)) return [...container][key as number];
  return (container as Record<PathKey, unknown>)[key];
}

/** `text.isWellFormed()`: Node 20 has it, the library that our TypeScript compiles for has not. */
export function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}

/** Nothing but its own keys. The plain objects of other realms (`node:vm`, Jest) are plain too. */
export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return (
    Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "isPrototypeOf")
  );
}

/**
 * A `Map`, `Set` or `Date`, known as one already: no subclass, which would mean more. Those of other
 * realms are not ours either.
 */
export function isPlainInstance(value: object): boolean {
  const prototype: object = Object.getPrototypeOf(value);
  return Object.hasOwn(prototype, "constructor") && isPlainObject(prototype);
}

/** Not a subclass, which would mean more than a list. */
export function isPlainArray(value: readonly unknown[]): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // Array.prototype is an array itself, in every realm; the prototype of a subclass is not.
  return prototype === Array.prototype || Array.isArray(prototype);
}

/** Names a value that is neither plain data nor a plain container. */
export function refusalOf(value: unknown): Refusal {
  const type = typeName(value);
  if (typeof value === "function") return { type, fix: "send what it returns" };
  if (typeof value === "symbol") return { type, fix: "send symbol.description" };
  if (types.isDate(value)) return { type, fix: "send date.toISOString() or date.getTime()" };
  if (types.isRegExp(value)) return { type, fix: "send regexp.source" };
  if (types.isNativeError(value)) return { type, fix: "send { name, message } of the error" };
  if (types.isSet(value)) return { type, fix: "send an array: [...set]" };
  if (types.isPromise(value)) return { type, fix: "await it first" };
  if (types.isMap(value)) {
    if (!isPlainInstance(value)) return { type, fix: "send a plain one: new Map(value)" };
    return { type: "Map with keys other than strings", fix: "send an array of pairs: [...map]" };
  }
  if (types.isBoxedPrimitive(value)) return { type, fix: "send value.valueOf()" };
  if (value instanceof URL) return { type, fix: "send url.href" };
  if (types.isWeakMap(value) || types.isWeakSet(value) || value instanceof WeakRef) {
    return { type, fix: "what it holds may be gone at any moment; send the values themselves" };
  }
  if (types.isDataView(value)) {
    return {
      type,
      fix: "send its bytes: new Uint8Array(view.buffer, view.byteOffset, view.byteLength)",
    };
  }
  if (ArrayBuffer.isView(value)) {
    return { type, fix: "send Array.from(array), or its bytes as a Uint8Array" };
  }
  if (types.isAnyArrayBuffer(value)) return { type, fix: "send new Uint8Array(buffer)" };
  if (Array.isArray(value)) return { type, fix: "send Array.from(list)" };
  const iterator = iteratorRefusal(value);
  if (iterator !== undefined) return iterator;
  return { type, fix: "send a plain object, for example { ...value }" };
}

/** Of generators too: something to read once that is no container. */
function iteratorRefusal(value: unknown): Refusal | undefined {
  const it = value as Partial<Iterator<unknown> & Iterable<unknown> & AsyncIterable<unknown>>;
  try {
    if (typeof it.next !== "function") return undefined;
    if (typeof it[Symbol.iterator] === "function") {
      return { type: "generator or iterator", fix: "send an array: [...values]" };
    }
    if (typeof it[Symbol.asyncIterator] !== "function") return undefined;
    return { type: "stream of values", fix: "collect them in an array first, with for await" };
  } catch {
    return undefined; // it has a getter that throws, and is some class instance
  }
}

function typeName(value: unknown): string {
  if (typeof value !== "object" || value === null) return typeof value;
  try {
    const { name } = value.constructor;
    if (typeof name === "string" && name !== "" && name !== "Object") return name.slice(0, 100);
  } catch {
    // A `constructor` that is missing or throws: the value has no name then.
  }
  return "class instance";
}
