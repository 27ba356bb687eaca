import { build, builtCases } from "@snakepit/proto/values.ts";
import fc from "fast-check";
import { SnakepitError } from "snakepit";
import { describe, expect, test } from "vitest";
import * as classes from "../index.ts";
import { messagePackCodec } from "./msgpack-codec.ts";

/** The decoded batch, or undefined if it ended in PROTOCOL. Any other error is a fault. */
function decode(document: Uint8Array): unknown[] | undefined {
  try {
    return messagePackCodec.decode(document);
  } catch (error) {
    if (SnakepitError.is(error, "PROTOCOL")) return undefined;
    throw error;
  }
}

function fromHex(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

describe("what is no batch ends in PROTOCOL", () => {
  const cases: [string, string][] = [
    ["nothing", ""],
    ["no array", "81a16101"],
    ["no acknowledgement", "90"],
    ["a negative acknowledgement", "91ff"],
    ["a fractional acknowledgement", "91cb3fe0000000000000"],
    ["a record that is no array", "92 01 80"],
    ["bytes that follow", "91 01 00"],
    ["a record too few", "93 01 90"],
    ["half an integer", "92 01 91 cd01"],
    ["half a float", "92 01 91 cb0000"],
    ["half a string", "92 01 91 a56162"],
    ["a string longer than the document", "92 01 91 dbffffffff 61"],
    ["bytes longer than the document", "92 01 91 c6ffffffff 61"],
    ["an array longer than the document", "92 01 91 ddffffffff 00"],
    ["a map longer than the document", "92 01 91 dfffffffff a100"],
    ["a record longer than the document", "92 01 ddffffffff"],
    ["invalid UTF-8, short", "92 01 91 a2 c328"],
    ["invalid UTF-8, long", `92 01 91 d928 ${"61".repeat(39)}ff`],
    ["a surrogate in UTF-8", "92 01 91 a3 eda080"],
    ["an overlong form", "92 01 91 a2 c080"],
    ["invalid UTF-8 in a key", "92 01 91 81 a1ff 00"],
    ["a key that is a number", "92 01 91 81 01 00"],
    ["a key that is binary", "92 01 91 81 c40161 00"],
    ["a timestamp", "92 01 91 d6ff00000000"],
    ["an extension", "92 01 91 c7010000"],
    ["the byte that is never used", "92 01 91 c1"],
    ["101 levels", `92 01 91 ${"91".repeat(101)}00`],
    ["101 levels of maps", `92 01 91 ${"81a161".repeat(101)}00`],
    ["as many levels as bytes", `92 01 91 ${"91".repeat(100_000)}00`],
    ["nested lengths that lie", `92 01 91 ${"dd00010000".repeat(99)}${"00".repeat(65_000)}`],
  ];
  test.each(cases)("%s", (_, hex) => {
    expect(decode(fromHex(hex))).toBe(undefined);
  });
});

test("every form of a number is read, also those that we do not write", () => {
  const cases: [string, unknown][] = [
    ["d37fffffffffffffff", 2n ** 63n - 1n],
    ["d38000000000000000", -(2n ** 63n)],
    ["cfffffffffffffffff", 2n ** 64n - 1n],
    ["cf001fffffffffffff", Number.MAX_SAFE_INTEGER],
    ["cf0020000000000000", 2n ** 53n],
    ["cf0020000000000001", 2n ** 53n + 1n],
    ["d3ffe0000000000001", Number.MIN_SAFE_INTEGER],
    ["d3ffe0000000000000", -(2n ** 53n)],
    ["d3ffffffffffffffff", -1],
    ["cf0000000000000007", 7],
    ["ca3fc00000", 1.5],
    ["cb8000000000000000", -0],
    ["cb7ff8000000000000", Number.NaN],
    ["cbfff0000000000000", Number.NEGATIVE_INFINITY],
  ];
  for (const [hex, value] of cases) {
    expect(decode(fromHex(`92 01 91 ${hex}`)), hex).toStrictEqual([1, [value]]);
  }
});

test("a text that holds the replacement character is no forgery", () => {
  const text = "\ufffd and \ufffd".repeat(10);
  const encoder = messagePackCodec.encoder({ headroom: 0, maxBytes: 1000 });
  encoder.add([text, { [text]: "\ufffd" }]);
  const [, [first, second]] = decode(encoder.finish(0)) as [number, [string, object]];
  expect([first, Object.entries(second)]).toEqual([text, [[text, "\ufffd"]]]);
});

test("keys that collide, or differ only beyond ASCII, stay apart", () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `${index % 2 ? "é" : "e"}${index}`);
  const encoder = messagePackCodec.encoder({ headroom: 0, maxBytes: 1024 * 1024 });
  encoder.add([Object.fromEntries(keys.map((key, index) => [key, index]))]);
  const document = encoder.finish(0);
  for (let round = 0; round < 2; round++) {
    const [, [object]] = decode(document) as [number, [object]];
    expect(Object.keys(object)).toEqual(keys);
  }
});

describe("an extension that is not what its kind consists of is PROTOCOL", () => {
  test.each([
    ["of an unknown kind", "d4 63 c0"],
    ["of a reserved kind", "d4 14 c0"],
    ["that ends too early", "c7 05 01 91"],
    ["that is longer than its content", "c7 03 01 91 05 05"],
    ["a tuple that is no array", "d4 01 05"],
    ["a tuple longer than its bytes", "d6 01 dd ff ff ff"],
    ["a map with a key alone", "d5 04 91 05"],
    ["an empty integer", "d5 05 c4 00"],
    ["a datetime that is none", "c7 04 06 a3 61 62 63"],
    ["the 30th of February", `c7 0b 07 aa ${Buffer.from("2024-02-30").toString("hex")}`],
    ["a timedelta of text", "c7 04 09 93 a0 a0 a0"],
    ["a decimal that is none", "d5 0a a1 78"],
    ["a complex of 3 bytes", "c7 05 0c c4 03 00 00 00"],
    ["a path of a strange flavour", "c7 04 0d 92 a1 78 a0"],
    ["an Enum without a name", "c7 04 0e 93 05 a0 05"],
    ["an object whose fields are no map", "c7 03 0f 92 a0 05"],
    ["an array of an unknown type", "c7 05 10 93 a1 78 90 c4 00"],
    ["an array of another size", "c7 0a 10 93 a4 69 6e 74 38 91 02 c4 00"],
    ["an array of negative size", "c7 0a 10 93 a4 69 6e 74 38 91 ff c4 00"],
    ["a table of an unknown library", "c7 05 11 92 a1 78 c4 00"],
    ["a reference without a worker", "c7 04 12 94 05 a0 a0 a0"],
    ["extensions in a leaf", "d8 0a c7 0d 0a c7 0a 0a c7 07 0a c7 04 0a a3 31 32 33"],
  ])("%s", (_, hex) => {
    expect(() => messagePackCodec.decode(fromHex(`92 01 91 ${hex}`))).toThrow(/^\[PROTOCOL\]/);
  });

  test("tuples in tuples without end", () => {
    let value = Buffer.from([0x90]);
    for (let level = 0; level < 2_000; level++) {
      const header = Buffer.from([0xc9, 0, 0, 0, 0, 1, 0x91]);
      header.writeUInt32BE(value.length + 1, 1);
      value = Buffer.concat([header, value]);
    }
    const document = Buffer.concat([fromHex("92 01 91"), value]);
    expect(() => messagePackCodec.decode(document)).toThrow("nests deeper than 100");
  });
});

describe("whatever comes, it is a batch or PROTOCOL", () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.integer(),
      fc.double(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
      fc.string({ unit: "binary" }),
      fc.uint8Array(),
      fc.array(tie("any")),
      fc.dictionary(fc.string(), tie("any")),
      fc.constantFrom(...builtCases.map((one) => build(one.value, classes))),
      fc.array(tie("any")).map((items) => new Set(items)),
      fc.array(tie("any")).map((items) => classes.PyTuple.from(items)),
      fc.array(fc.tuple(tie("any"), tie("any"))).map((pairs) => new Map(pairs)),
      fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
    ),
  })).any;
  const document = fc.array(fc.array(value), { minLength: 1, maxLength: 5 }).map((records) => {
    const encoder = messagePackCodec.encoder({ headroom: 0, maxBytes: 1024 * 1024 });
    for (const record of records) encoder.add(record);
    return Buffer.from(encoder.finish(1));
  });
  const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.nat(255) });

  test("random bytes, also behind a valid beginning", () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(bytes, (tail) => {
        decode(tail);
        decode(Buffer.concat([fromHex("92 01 94 00 01"), tail]));
      }),
      { seed: 1, numRuns: 3_000 },
    );
  });

  test("valid documents with some bytes changed", () => {
    fc.assert(
      fc.property(document, fc.array(edit, { minLength: 1, maxLength: 6 }), (bytes, edits) => {
        for (const { at, byte } of edits) bytes[Math.floor(at * (bytes.length - 1))] = byte;
        decode(bytes);
      }),
      { seed: 2, numRuns: 2_000 },
    );
  });

  test("valid documents that end too early never pass, wherever they end", () => {
    fc.assert(
      fc.property(document, (bytes) => {
        // In the middle of a larger buffer, where reading on would find something.
        const behind = Buffer.concat([bytes, Buffer.alloc(64, 0x01)]);
        const step = Math.ceil(bytes.length / 100);
        for (let length = 0; length < bytes.length; length += step) {
          const passed = decode(behind.subarray(0, length));
          if (passed !== undefined) throw new Error(`${length} of ${bytes.length} bytes passed`);
        }
        expect(decode(behind.subarray(0, bytes.length))).toBeDefined();
      }),
      { seed: 3, numRuns: 200 },
    );
  }, 60_000);
});
