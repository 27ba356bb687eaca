import { SnakepitError } from "snakepit";

/** A value was made from something that it cannot be. The text given stays out: it may be a secret. */
export function invalid(what: string, expected: string): SnakepitError {
  return new SnakepitError("INVALID_ARGUMENT", `${what} ${expected}`, { outcome: "not-started" });
}
