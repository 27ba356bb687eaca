import { SnakepitError } from "../errors.ts";
import type { Carried } from "./framing.ts";

/**
 * The refusals of `wire/refusal.ts` speak of arguments that were not sent. Those of another value
 * get its name, and the work behind it has been done.
 */
export function namedRefusal(error: unknown, name: Carried["name"]): unknown {
  if (name === "args" || !SnakepitError.is(error, "SERIALIZATION")) return error;
  const { path, type } = error.details;
  return new SnakepitError("SERIALIZATION", error.message.replace("[SERIALIZATION] args", name), {
    cause: error.cause,
    details: { path: path.replace("args", name), type },
  });
}
