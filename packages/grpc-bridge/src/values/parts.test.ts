import { SnakepitError } from "snakepit";
import type { BatchEncoder, PartSource } from "snakepit/wire";
import { expect, test } from "vitest";
import { messagePackCodec } from "./msgpack-codec.ts";

const KiB = 1024;
const maxValueBytes = 8 * KiB * KiB;

function encoder(
  changes: { readonly maxValueBytes?: number | undefined } = { maxValueBytes },
): BatchEncoder {
  return messagePackCodec.encoder({ headroom: 4, maxBytes: 64 * KiB * KiB, ...changes });
}

function call(id: number, args: unknown): unknown[] {
  return [0, id, "take", args, null];
}

/** Parts by number, for one call; each is asked for as a record names it. */
function source(callId: number, parts: readonly Uint8Array[]): PartSource {
  return {
    take(id, number) {
      const part = id === callId ? parts[number] : undefined;
      if (part === undefined) throw new SnakepitError("PROTOCOL", `no part ${number} of ${id}`);
      return part;
    },
  };
}

test("a binary of 256 KiB leaves the document, and a byte less stays", () => {
  const batch = encoder();
  expect(batch.add(call(1, new Uint8Array(256 * KiB - 1)))).toBeUndefined();
  expect(batch.records).toBe(1);
  const data = new Uint8Array(256 * KiB);
  const big = batch.add(call(2, { data }));
  expect(big?.parts).toEqual([data]);
  expect(big?.parts[0]).toBe(data); // no copy
  expect(big?.frame.length).toBeLessThan(100);
  expect(batch.records).toBe(1);
});

test("a record with parts is a document of its own, and the batch around it stays whole", () => {
  const batch = encoder();
  const [one, other] = [new Uint8Array(300 * KiB), Buffer.alloc(400 * KiB)];
  batch.add(call(1, "before"));
  const big = batch.add(call(0xffff_ff, { list: [one, "between"], other, n: 1 }));
  batch.add(call(3, "after"));
  expect(messagePackCodec.decode(batch.finish(0).subarray(4))).toEqual([
    0,
    call(1, "before"),
    call(3, "after"),
  ]);
  if (big === undefined) throw new Error("it stayed in the batch");
  const document = big.frame.subarray(4);
  const [, record] = messagePackCodec.decode(document, source(0xffff_ff, big.parts));
  expect(record).toEqual(call(0xffff_ff, { list: [one, "between"], other, n: 1 }));
});

test("for a worker that takes no parts, all binaries stay in the document", () => {
  const batch = encoder({});
  expect(batch.add(call(1, new Uint8Array(300 * KiB)))).toBeUndefined();
  expect(batch.bytes).toBeGreaterThan(300 * KiB);
});

test("a document above the frame's limit says what goes beside it, and up to what", () => {
  const text = "x".repeat(70 * 1024 * KiB);
  const beside = `bytes, arrays and tables go beside it, up to maxValueBytes (${maxValueBytes})`;
  expect(() => encoder().add(call(1, text))).toThrow(
    expect.objectContaining({
      code: "VALUE_TOO_LARGE",
      message: expect.stringMatching(/for all text, lists and maps of one call/),
    }),
  );
  expect(() => encoder().add(call(1, text))).toThrow(beside);
  expect(() => encoder({}).add(call(1, text))).toThrow(/send it in parts/);
});

test("a value above the limit fails alone, also when it is one binary in many places", () => {
  const batch = encoder();
  const data = new Uint8Array(1024 * KiB);
  batch.add(call(1, "good"));
  expect(() =>
    batch.add(
      call(
        2,
        Array.from({ length: 9 }, () => data),
      ),
    ),
  ).toThrow(
    expect.objectContaining({
      code: "VALUE_TOO_LARGE",
      outcome: "not-started",
      details: { bytes: 9 * 1024 * KiB, limitBytes: maxValueBytes },
    }),
  );
  expect(
    batch.add(
      call(
        3,
        Array.from({ length: 8 }, () => data),
      ),
    )?.parts.length,
  ).toBe(8);
  expect(messagePackCodec.decode(batch.finish(0).subarray(4))).toEqual([0, call(1, "good")]);
});

test("a record that is refused behind a part leaves no part to the next one", () => {
  const batch = encoder();
  const data = new Uint8Array(300 * KiB);
  expect(() => batch.add(call(1, [data, () => {}]))).toThrow("args[1]");
  expect(batch.add(call(1, "small"))).toBeUndefined();
});

test("a record that is refused after it has moved the batch to another slab leaves the others whole", () => {
  const batch = encoder();
  for (let n = 0; n < 200; n++) batch.add(call(n, "x".repeat(500)));
  batch.finish(0); // so that the next batch does not begin where the slab does
  batch.add(call(1, "before"));
  expect(() => batch.add(call(2, ["y".repeat(500 * KiB), () => {}]))).toThrow("args[1]");
  batch.add(call(3, "after"));
  expect(messagePackCodec.decode(batch.finish(0).subarray(4))).toEqual([
    0,
    call(1, "before"),
    call(3, "after"),
  ]);
});

test.each([
  ["when none has come", "92 00 93 00 01 d714 00000001 00000000", undefined],
  ["of another call", "92 00 93 00 01 d714 00000002 00000000", source(1, [])],
  ["of another type", "92 00 93 00 01 d702 00000001 00000000", source(1, [new Uint8Array(1)])],
  ["that is cut off", "92 00 93 00 01 d714 00000001 0000", source(1, [new Uint8Array(1)])],
])("the name of a part %s is refused with PROTOCOL", (_name, hex, parts) => {
  const document = Buffer.from(hex.replaceAll(" ", ""), "hex");
  expect(() => messagePackCodec.decode(document, parts)).toThrow(
    expect.objectContaining({ code: "PROTOCOL" }),
  );
});
