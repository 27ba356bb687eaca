import { isDeepStrictEqual } from "node:util";
import type { Affinity } from "./adapter.ts";
import {
  checkIntegers,
  checkKinds,
  checkKnownKeys,
  objectMap,
  oneOf,
  show,
  text,
} from "./check-options.ts";
import { dataProblem } from "./data.ts";
import { invalidArgument } from "./errors.ts";
import type { Metadata, SessionOptions } from "./session.ts";
import { idPattern } from "./store/check-arguments.ts";
import { MAX_SESSION_DATA_BYTES } from "./store/limits.ts";
import type { StoredSession } from "./store/store.ts";

export const affinityKind = oneOf("prefer", "require", "none");

/** The options of a session with nothing left open, and as its row in the store holds them. */
export interface SessionSettings {
  readonly affinity: Affinity;
  readonly ttlMs: number;
  readonly metadata: Metadata;
  readonly pool: string | undefined;
  /** All but `ttlMs`, as JSON. */
  readonly data: string;
}

const defaults = { affinity: "prefer", ttlMs: 3_600_000, metadata: {}, pool: undefined } as const;

/** @throws SnakepitError INVALID_ARGUMENT with every problem at once */
export function checkSession(id: unknown, options: SessionOptions): void {
  const problems = checkKnownKeys("session", options, Object.keys(defaults));
  if (id !== undefined && !(typeof id === "string" && idPattern.test(id))) {
    problems.push(
      `a session id is 1 to 200 of the characters A-Z a-z 0-9 . _ : -, not ${show(id)}`,
    );
  }
  if (problems.length === 0) problems.push(...checkValues(options));
  if (problems.length > 0) throw invalidArgument(problems.join("; "));
}

function checkValues(options: SessionOptions): string[] {
  const { ttlMs, metadata } = options;
  const kinds = { affinity: affinityKind, metadata: objectMap, pool: text };
  const problems = checkKinds(options, kinds);
  if (ttlMs !== undefined) problems.push(...checkIntegers(options, { ttlMs: 1 }));
  const problem = metadata === undefined ? undefined : dataProblem(metadata, "metadata");
  if (problem !== undefined) problems.push(problem);
  return problems;
}

export function resolveSession(options: SessionOptions): SessionSettings {
  const { affinity, ttlMs, metadata, pool } = { ...defaults, ...given(options) };
  const data = dataOf({ affinity, metadata, pool });
  return { affinity, ttlMs, metadata, pool, data };
}

/** What a row of the store says. */
export function storedSettings({ data, ttlMs }: StoredSession): SessionSettings {
  const { affinity, metadata, pool } = JSON.parse(data) as Partial<SessionSettings>;
  return {
    affinity: affinity ?? defaults.affinity,
    ttlMs,
    metadata: metadata ?? defaults.metadata,
    pool,
    data,
  };
}

/** `settings` with other metadata, as a row of the store holds it. @throws SnakepitError INVALID_ARGUMENT */
export function withMetadata(settings: SessionSettings, metadata: Metadata): string {
  if (metadata === undefined)
    throw invalidArgument(
      "the function given to update must return the new metadata, not undefined",
    );
  checkSession(undefined, { metadata });
  return dataOf({ ...settings, metadata });
}

/** @throws SnakepitError INVALID_ARGUMENT when the session is there with other options than these */
export function checkSame(id: string, present: SessionSettings, options: SessionOptions): void {
  for (const [name, value] of Object.entries(given(options))) {
    const is = present[name as keyof SessionOptions];
    if (isDeepStrictEqual(is, value)) continue;
    const fix = name === "metadata" ? "change it with sessions.update()" : "delete it first";
    const found = is === undefined ? `no ${name}` : `${name} ${shown(is)}`;
    throw invalidArgument(
      `session ${show(id)} is open with ${found}, not ${shown(value)}; ${fix} or use another id`,
    );
  }
}

function shown(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value).slice(0, 80) : show(value);
}

function dataOf({ affinity, metadata, pool }: Omit<SessionSettings, "data" | "ttlMs">): string {
  const data = JSON.stringify({ affinity, pool, metadata });
  if (Buffer.byteLength(data) <= MAX_SESSION_DATA_BYTES) return data;
  throw invalidArgument(
    `metadata takes ${Buffer.byteLength(data)} bytes, above the ${MAX_SESSION_DATA_BYTES} that a session may have; keep it in records`,
  );
}

type Given = { [Name in keyof SessionOptions]: Exclude<SessionOptions[Name], undefined> };

function given(options: SessionOptions): Given {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
