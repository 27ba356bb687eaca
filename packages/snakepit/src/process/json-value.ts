import { SnakepitError } from "../errors.ts";
import { jsonCodec } from "../wire/json-codec.ts";

/** A longer value is refused: the other side would have to hold it in one line. */
const MAX_BYTES = 64 * 1024 * 1024;

const encoder = jsonCodec.encoder({ headroom: 0, maxBytes: MAX_BYTES });
const before = "[0,[0,0,0,".length;
const after = "]]".length;

/**
 * The value as JSON that says exactly the same, or an error that says where it would not.
 * `JSON.stringify` alone turns NaN into null, a Set into `{}` and a Date into a string without a
 * word. The rules are those of the wire's JSON codec, so the value travels as the fourth element
 * of a record, which that codec knows as `args`.
 * @throws SnakepitError SERIALIZATION, with the path and the type; VALUE_TOO_LARGE. Arguments that
 * are refused have not started anything, a result or chunk has
 */
export function toJson(value: unknown, name: "args" | "result" | "chunk" = "args"): string {
  try {
    encoder.add([0, 0, 0, value]);
  } catch (error) {
    throw name === "args" || !SnakepitError.is(error, "SERIALIZATION") ? error : of(error, name);
  }
  const document = encoder.finish(0) as Buffer;
  return document.toString("utf8", before, document.length - after);
}

function of(
  error: SnakepitError<"SERIALIZATION">,
  name: "result" | "chunk",
): SnakepitError<"SERIALIZATION"> {
  const { path, type } = error.details;
  const text = error.message.replace("[SERIALIZATION] args", name);
  return new SnakepitError("SERIALIZATION", text, {
    cause: error.cause,
    details: { path: path.replace("args", name), type },
  });
}
