import { checkIntegers, show, withArticle } from "../check-options.ts";
import { invalidArgument, SnakepitError } from "../errors.ts";
import { isWellFormed, refusals } from "../wire/refusal.ts";
import { MAX_CHANGES, MAX_SESSION_DATA_BYTES } from "./limits.ts";
import { tooLarge } from "./refusals.ts";
import type { RecordChange, RecordKey, Scope, StoredValue, StoreLimits } from "./store.ts";

/** Of sessions, namespaces and records. */
export const idPattern = /^[A-Za-z0-9._:-]{1,200}$/;
const typePattern = /^[\x20-\x7e]{1,200}$/;

/** @throws SnakepitError INVALID_ARGUMENT */
export function checkId(what: string, id: unknown): asserts id is string {
  if (typeof id === "string" && idPattern.test(id)) return;
  const rule = "1 to 200 of the characters A-Z a-z 0-9 . _ : -";
  throw invalidArgument(`the ${what} must be ${rule}, not ${show(id)}`);
}

export function checkScope(session: unknown): asserts session is Scope {
  if (session !== undefined) checkId("id of a session", session);
}

export function checkKey({ session, namespace, name }: RecordKey): void {
  checkScope(session);
  checkId("namespace of a record", namespace);
  checkId("name of a record", name);
}

/** @throws SnakepitError INVALID_ARGUMENT, SERIALIZATION, VALUE_TOO_LARGE */
export function checkInit(init: { readonly ttlMs: number; readonly data: string }): void {
  checkNumbers(init, { ttlMs: 1 });
  checkData(init.data);
}

export function checkData(data: unknown): asserts data is string {
  if (typeof data !== "string") throw invalidArgument(`data must be a string, not ${show(data)}`);
  const bytes = byteLength("data", data);
  if (bytes > MAX_SESSION_DATA_BYTES) {
    throw tooLarge("the data of the session", bytes, MAX_SESSION_DATA_BYTES);
  }
}

export function checkExpect(expect: unknown): asserts expect is number {
  checkNumbers({ expect }, { expect: 0 });
}

export function checkEpoch(epoch: unknown): asserts epoch is string | undefined {
  if (epoch === undefined || typeof epoch === "string") return;
  throw invalidArgument(`epoch must be a string, not ${show(epoch)}`);
}

export function checkListener(listener: unknown): void {
  if (typeof listener === "function") return;
  throw invalidArgument(`the listener must be a function, not ${show(listener)}`);
}

/** How many of something to give at once. */
export function checkLimit(limit: number): void {
  checkNumbers({ limit }, { limit: 1 });
}

/** A change whose value nobody else can change any more. */
export type CheckedChange =
  | {
      readonly kind: "set";
      readonly namespace: string;
      readonly name: string;
      readonly type: string;
      readonly value: StoredValue;
      readonly bytes: number;
      readonly expect: number | undefined;
      /** Infinity: as long as its scope. */
      readonly ttlMs: number;
    }
  | {
      readonly kind: "delete";
      readonly namespace: string;
      readonly name: string;
      readonly expect: number | undefined;
    };

/** @throws SnakepitError INVALID_ARGUMENT, SERIALIZATION, VALUE_TOO_LARGE */
export function checkChanges(
  changes: readonly RecordChange[],
  limits: StoreLimits,
): readonly CheckedChange[] {
  if (!Array.isArray(changes))
    throw invalidArgument(`changes must be an array, not ${show(changes)}`);
  if (changes.length > MAX_CHANGES) {
    throw invalidArgument(`a write takes up to ${MAX_CHANGES} changes, not ${changes.length}`);
  }
  const checked = (changes as readonly RecordChange[]).map((change) => checkChange(change, limits));
  checkDifferent(checked);
  return checked;
}

function checkChange(change: RecordChange, { maxValueBytes }: StoreLimits): CheckedChange {
  const { kind, namespace, name, expect } = change;
  checkId("namespace of a record", namespace);
  checkId("name of a record", name);
  if (expect !== undefined) checkExpect(expect);
  if (kind === "delete") return { kind, namespace, name, expect };
  if (kind !== "set")
    throw invalidArgument(`the kind of a change is set or delete, not ${show(kind)}`);
  const { type, ttlMs = Number.POSITIVE_INFINITY } = change;
  checkNumbers({ ttlMs }, { ttlMs: 1 });
  if (typeof type !== "string" || !typePattern.test(type)) {
    throw invalidArgument(`type must be 1 to 200 printable ASCII characters, not ${show(type)}`);
  }
  const bytes = byteLength("value", change.value);
  if (bytes > maxValueBytes) throw tooLarge(`the value of ${show(name)}`, bytes, maxValueBytes);
  return { kind, namespace, name, type, value: ownCopy(change.value), bytes, expect, ttlMs };
}

/** What two changes of one record would mean together is better said by one. */
function checkDifferent(changes: readonly CheckedChange[]): void {
  if (changes.length < 2) return;
  const keys = new Set<string>();
  for (const { namespace, name } of changes) {
    const key = recordKey(namespace, name);
    if (keys.has(key))
      throw invalidArgument(`the write changes ${show(key)} twice; send the last alone`);
    keys.add(key);
  }
}

function byteLength(what: string, value: unknown): number {
  if (value instanceof Uint8Array) return value.byteLength;
  if (typeof value !== "string") {
    throw invalidArgument(`${what} must be a string or a Uint8Array, not ${show(value)}`);
  }
  if (!isWellFormed(value)) {
    const { type, fix } = refusals.loneSurrogate;
    throw new SnakepitError("SERIALIZATION", `${what}: cannot keep ${withArticle(type)}; ${fix}`, {
      outcome: "not-started",
      details: { path: what, type },
    });
  }
  return Buffer.byteLength(value);
}

function checkNumbers(values: object, rules: Readonly<Record<string, number>>): void {
  const problems = checkIntegers(values, rules);
  if (problems.length > 0) throw invalidArgument(problems.join("; "));
}

/** Plain bytes, whatever kind of array and buffer they came in. */
export function ownCopy(value: StoredValue): StoredValue {
  return typeof value === "string" ? value : new Uint8Array(value);
}

/** Unmistakable, because neither part can hold a slash. */
export function recordKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

export function parseRecordKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
