import { show } from "../check-options.ts";
import { type Outcome, SnakepitError } from "../errors.ts";
import type { Scope } from "./store.ts";

/** What a store throws when it has understood a request and does not do it. Nothing has changed. */
const untouched = { outcome: "not-started" } as const;

export function unknownSession(id: string): SnakepitError<"SESSION_NOT_FOUND"> {
  const text = `there is no session ${show(id)} any more: it was deleted, or its time was over`;
  return new SnakepitError("SESSION_NOT_FOUND", `${text}; open it anew`, {
    ...untouched,
    details: { sessionId: id },
  });
}

export function conflict(
  name: string,
  expected: number,
  current: number,
): SnakepitError<"VERSION_CONFLICT"> {
  const is = current === 0 ? "does not exist" : `has version ${current}`;
  const wanted = expected === 0 ? "none was expected" : `${expected} was expected`;
  return new SnakepitError(
    "VERSION_CONFLICT",
    `${show(name)} ${is}, and ${wanted}: somebody else was faster; read it and try again`,
    { ...untouched, details: { name, expected, current } },
  );
}

export function tooManySessions(limit: number): SnakepitError<"QUOTA_EXCEEDED"> {
  return new SnakepitError(
    "QUOTA_EXCEEDED",
    `${limit} sessions live already; delete some, give them a shorter ttlMs, or raise maxSessions`,
    { ...untouched, details: { what: "sessions", limit } },
  );
}

export function tooManyRecords(limit: number, session: Scope): SnakepitError<"QUOTA_EXCEEDED"> {
  const whose = session === undefined ? "of no session" : `of session ${show(session)}`;
  return new SnakepitError(
    "QUOTA_EXCEEDED",
    `there would be more than ${limit} records ${whose}; delete some, or raise maxRecords`,
    {
      ...untouched,
      details: { what: "records", limit, ...(session === undefined ? {} : { sessionId: session }) },
    },
  );
}

export function tooLarge(
  what: string,
  bytes: number,
  limitBytes: number,
): SnakepitError<"VALUE_TOO_LARGE"> {
  return new SnakepitError(
    "VALUE_TOO_LARGE",
    `${what} has ${bytes} bytes, and ${limitBytes} are allowed; keep it in a file, or in parts`,
    { ...untouched, details: { bytes, limitBytes } },
  );
}

/** `unknown`: it was asked to write and nobody can say whether it did. */
export function unavailable(
  store: string,
  problem: string,
  options: { readonly cause?: unknown; readonly outcome?: Outcome } = {},
): SnakepitError<"STORE_UNAVAILABLE"> {
  return new SnakepitError("STORE_UNAVAILABLE", problem, {
    ...untouched,
    ...options,
    details: { store },
  });
}

export function closed(store: string): SnakepitError<"STORE_UNAVAILABLE"> {
  return unavailable(store, `the ${store} store is closed`);
}
