import { SnakepitError, show } from "snakepit";

/** A value was made from something that it cannot be; of a text its beginning is shown. */
export function invalid(what: string, expected: string): SnakepitError {
  return new SnakepitError("INVALID_ARGUMENT", `${what} ${expected}`, { outcome: "not-started" });
}

/** `what`: of which text it is made; `example` is a good one. */
export function notOf(what: string, given: unknown, example: string): SnakepitError {
  return invalid(what, `such as ${show(example)}, not of ${show(given)}`);
}
