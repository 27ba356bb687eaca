import { describe, expect, test } from "vitest";
import { build, builtCases, className, show } from "../../../../proto/values.ts";
import * as classes from "../index.ts";
import { messagePackCodec } from "./msgpack-codec.ts";

function echo(value: unknown): unknown {
  const encoder = messagePackCodec.encoder({ headroom: 0, maxBytes: 1024 * 1024 });
  encoder.add([0, 1, "echo", value]);
  const [, record] = messagePackCodec.decode(encoder.finish(0)) as [number, unknown[]];
  return record[3];
}

describe("each of the shared cases comes back as it was", () => {
  test.each(builtCases)("$name", ({ value, typescript }) => {
    const built = build(value, classes);
    const back = echo(built);
    expect(show(back)).toBe(show(built));
    expect(className(back)).toBe(typescript);
  });
});
