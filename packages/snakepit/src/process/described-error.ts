import { SnakepitError } from "../errors.ts";
import { unknownCommandText } from "./failures.ts";
import type { Message } from "./framing.ts";

/** The `error` of a reply, as README.md beside this file has it. A thrown string is an error too. */
export function describeError(error: unknown): Message {
  if (!(error instanceof Error)) return { type: "Error", message: String(error) };
  const { name, message, stack } = error;
  if (!SnakepitError.is(error)) return { type: name, message, traceback: stack };
  const { type = error.code, ...details } = error.details as Message;
  return {
    type,
    code: error.code,
    message: message.replace(`[${error.code}] `, ""),
    traceback: stack,
    details,
  };
}

export function unknownCommandError(command: string, commands: Iterable<string>): Message {
  const message = unknownCommandText(command, commands);
  return { type: "UNKNOWN_COMMAND", code: "UNKNOWN_COMMAND", message, begun: false };
}

/**
 * A copy that every codec carries, of an error or a log line. Nothing in them is so exact that it
 * should be refused: dates become text, and half a surrogate pair becomes U+FFFD.
 * @throws what `JSON.stringify` throws: bigints, circles
 */
export function carriable(message: Message): Message {
  return JSON.parse(
    JSON.stringify(message, (_key, value: unknown) =>
      typeof value === "string"
        ? (value as unknown as { toWellFormed(): string }).toWellFormed()
        : value,
    ),
  );
}
