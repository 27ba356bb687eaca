import { jsonCodec } from "../wire/json-codec.ts";
import { namedRefusal } from "./carried-value.ts";
import { type Carried, MAX_VALUE_BYTES } from "./framing.ts";

const encoder = jsonCodec.encoder({ headroom: 0, maxBytes: MAX_VALUE_BYTES });
const before = "[0,[0,0,0,".length;
const after = "]]".length;

/**
 * The value as JSON that says exactly the same, or an error that says where it would not.
 * `JSON.stringify` alone turns NaN into null, a Set into `{}` and a Date into a string without a
 * word. The rules are those of the wire's JSON codec, so the value travels as the fourth element
 * of a record, which that codec knows as `args`.
 * @throws SnakepitError SERIALIZATION, with the path and the type; VALUE_TOO_LARGE
 */
export function toJson(value: unknown, name: Carried["name"] = "args"): string {
  try {
    encoder.add([0, 0, 0, value]);
  } catch (error) {
    throw namedRefusal(error, name);
  }
  const document = encoder.finish(0) as Buffer;
  return document.toString("utf8", before, document.length - after);
}
