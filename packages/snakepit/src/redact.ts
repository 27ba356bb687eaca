import { SnakepitError } from "./errors.ts";

/** Names of environment variables whose values are nobody's business. */
const secretName = /SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(?:KEY|TOKEN|_PASS|_PWD)(?:_|$)/i;
/** Where a secret lies is none itself. */
const placeName = /_(?:FILE|PATH|DIR)$/i;
/** Shorter values ("1", "true") stand in every text, and keep nothing safe. */
const LEAST_CHARACTERS = 6;
/** Deeper, nobody reads; and what contains itself has an end. */
const MAX_DEPTH = 8;
/** `https://user:password@host`. Bounded, so that no text makes the search expensive. */
const urlCredentials = /\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/"'<>]{1,1024}@/gi;

const MARK = "[redacted]";

/**
 * Takes secrets out of what a worker says before anybody sees it: the values of its environment
 * whose names tell that they are secret, and the credentials of URLs. What is not known to be a
 * secret stays, so this is a net below the owner's care, not a replacement for it.
 */
export class Redaction {
  #secrets: readonly string[] = [];

  /** Adds what an environment keeps secret. */
  learn(environment: Readonly<Record<string, string | undefined>>): void {
    const found = new Set(this.#secrets);
    for (const [name, value] of Object.entries(environment)) {
      if (value === undefined || !secretName.test(name) || placeName.test(name)) continue;
      // Keys of several lines are also shown line by line.
      for (const part of [value, ...value.split("\n")])
        if (part.trim().length >= LEAST_CHARACTERS) found.add(part.trim());
    }
    // The longest first: one secret may begin with another.
    this.#secrets = [...found].sort((a, b) => b.length - a.length);
  }

  text(text: string): string {
    let clean = text;
    for (const secret of this.#secrets)
      if (clean.includes(secret)) clean = clean.replaceAll(secret, MARK);
    return clean.includes("://") ? clean.replace(urlCredentials, `$1${MARK}@`) : clean;
  }

  /** The value itself when there is nothing to hide, otherwise a copy without it. */
  value(value: unknown, depth = 0): unknown {
    if (typeof value === "string") return this.text(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > MAX_DEPTH) return MARK;
    if (value instanceof Error) return this.error(value, depth);
    if (!isPlain(value)) return value;
    const entries = Object.entries(value);
    const clean = entries.map(([key, item]) => [key, this.value(item, depth + 1)] as const);
    if (clean.every(([, item], index) => item === entries[index]?.[1])) return value;
    return Array.isArray(value) ? clean.map(([, item]) => item) : Object.fromEntries(clean);
  }

  /** The error itself when it holds no secret; otherwise one like it, its causes included. */
  error<Thrown extends Error>(error: Thrown, depth?: number): Thrown;
  error(error: Error, depth = 0): Error {
    const { details } = error as { readonly details?: unknown };
    const clean = {
      message: this.text(error.message),
      cause: this.value(error.cause, depth + 1),
      details: this.value(details, depth + 1),
    };
    if (clean.message === error.message && clean.cause === error.cause && clean.details === details)
      return error;
    const copy = copyOf(error, clean);
    copy.stack = this.text(error.stack ?? "");
    return copy;
  }
}

interface CleanParts {
  readonly message: string;
  readonly cause: unknown;
  readonly details: unknown;
}

/** Of an unknown class only the name is kept: what else it carries may be the secret. */
function copyOf(error: Error, { message, cause, details }: CleanParts): Error {
  const options = cause === undefined ? {} : { cause };
  if (!SnakepitError.is(error))
    return Object.assign(new Error(message, options), { name: error.name });
  const { code, outcome } = error as SnakepitError<string>;
  return new SnakepitError<string>(code, message.replace(`[${code}] `, ""), {
    ...options,
    outcome,
    details: details as Readonly<Record<string, unknown>>,
  });
}

/** Data that can be copied: an object of a class is somebody else's. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}
