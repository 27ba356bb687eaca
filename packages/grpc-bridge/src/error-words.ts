import type { SnakepitError } from "snakepit";

/** What the error says, without its code: for a person, or for another error to repeat. */
export function wordsOf({ code, message }: SnakepitError<string>): string {
  const beginning = `[${code}] `;
  return message.startsWith(beginning) ? message.slice(beginning.length) : message;
}
