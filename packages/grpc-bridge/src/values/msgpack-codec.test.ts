import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { SnakepitError } from "snakepit";
import { describe, expect, test } from "vitest";
import { PyTuple } from "./collections.ts";
import { PyDateTime } from "./dates.ts";
import { messagePackCodec } from "./msgpack-codec.ts";
import { PyEnum, PyPath } from "./scalars.ts";

const headroom = 4;
const options = { headroom, maxBytes: 1024 * 1024 };

function encode(...records: unknown[][]): Uint8Array {
  const encoder = messagePackCodec.encoder(options);
  for (const record of records) encoder.add(record);
  return encoder.finish(1).subarray(headroom);
}

/** The bytes of one value alone. */
function hexOf(value: unknown): string {
  return Buffer.from(encode([value]).subarray(3)).toString("hex");
}

function echo(value: unknown): unknown {
  const [, [, , , arrived]] = messagePackCodec.decode(encode([0, 1, "echo", value])) as [
    number,
    unknown[],
  ];
  return arrived;
}

function failureOf(run: () => unknown): SnakepitError {
  try {
    run();
  } catch (error) {
    if (SnakepitError.is(error)) return error;
    throw error;
  }
  throw new Error("it did not throw");
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

function tuples(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = PyTuple.of(value);
  return value;
}

function maps(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = new Map([[level, value]]);
  return value;
}

/** Whatever the codec carries and gives back as it was. */
const carried = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom(null, true, false, -0, Number.NaN, 2 ** 53, -(2 ** 53)),
    fc.maxSafeInteger(),
    fc.double(),
    fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.string({ maxLength: 400 }),
    fc.uint8Array({ maxLength: 400 }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc
      .array(fc.tuple(fc.string({ unit: "binary", maxLength: 40 }), tie("value")), {
        maxLength: 20,
      })
      .map((entries) => Object.assign(Object.create(null), Object.fromEntries(entries))),
  ),
})).value;

describe("values arrive as they were sent", () => {
  test("whatever plain data it is", () => {
    fc.assert(
      fc.property(carried, (value) => {
        expect(echo(value)).toStrictEqual(value);
      }),
      { seed: 20_261_121, numRuns: 1_000 },
    );
  });

  test("in the shortest form, integers as integers, -0 as a float", () => {
    const cases: [unknown, string][] = [
      [0, "00"],
      [127, "7f"],
      [128, "cc80"],
      [255, "ccff"],
      [256, "cd0100"],
      [65_536, "ce00010000"],
      [2 ** 31, "ce80000000"],
      [2 ** 32 - 1, "ceffffffff"],
      [2 ** 32, "cf0000000100000000"],
      [Number.MAX_SAFE_INTEGER, "cf001fffffffffffff"],
      [-1, "ff"],
      [-32, "e0"],
      [-33, "d0df"],
      [-128, "d080"],
      [-129, "d1ff7f"],
      [-32_769, "d2ffff7fff"],
      [-(2 ** 31), "d280000000"],
      [-(2 ** 31) - 1, "d3ffffffff7fffffff"],
      [Number.MIN_SAFE_INTEGER, "d3ffe0000000000001"],
      [-0, "cb8000000000000000"],
      [2 ** 53, "cb4340000000000000"],
      [1.5, "cb3ff8000000000000"],
      [5n, "cf0000000000000005"],
      [-5n, "d3fffffffffffffffb"],
      [undefined, "c0"],
      ["é", "a2c3a9"],
      ["é".repeat(16), `d920${"c3a9".repeat(16)}`],
      ["é".repeat(128), `da0100${"c3a9".repeat(128)}`],
      [new Uint8Array([1, 2]), "c4020102"],
      [Buffer.from([255]), "c401ff"],
      [{ a: undefined, b: null }, "81a162c0"],
      [new Map([["k", 1]]), "81a16b01"],
      // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
      [[1, , 2], "9301c002"],
    ];
    for (const [value, hex] of cases) expect(hexOf(value), String(value)).toBe(hex);
  });

  test.each([0, 1, 15, 16, 17, 255, 256, 65_535, 65_536])("%i of anything", (count) => {
    const object: Record<string, unknown> = Object.create(null);
    for (let index = 0; index < count; index++) object[`key ${index}`] = index;
    const values = [
      "x".repeat(count),
      `${"x".repeat(Math.max(0, count - 1))}é`,
      new Uint8Array(count).fill(7),
      Array.from({ length: count }, (_, index) => index),
      object,
    ];
    const encoder = messagePackCodec.encoder({ headroom, maxBytes: 64 * 1024 * 1024 });
    encoder.add(values);
    const [, arrived] = messagePackCodec.decode(encoder.finish(0).subarray(headroom));
    expect(arrived).toStrictEqual(values);
  });

  test("bytes come as a copy, not as a window into the socket's buffer", () => {
    const document = encode([0, 1, "echo", new Uint8Array([1, 2, 3])]);
    const [, [, , , bytes]] = messagePackCodec.decode(document) as [number, unknown[]];
    document.fill(0);
    expect(bytes).toStrictEqual(new Uint8Array([1, 2, 3]));
    expect((bytes as Uint8Array).buffer.byteLength).toBe(3);
  });

  test("objects come without a prototype, and __proto__ is data in both directions", () => {
    const value = echo(JSON.parse('{"__proto__":{"admin":true},"constructor":1}')) as object;
    expect(Object.getPrototypeOf(value)).toBe(null);
    expect(Object.entries(value)).toEqual([
      ["__proto__", expect.objectContaining({ admin: true })],
      ["constructor", 1],
    ]);
    expect(({} as Record<string, unknown>)["admin"]).toBe(undefined);
  });

  test("only own string keys count, and plain objects of another realm are plain", () => {
    const value = Object.defineProperty({ a: 1, [Symbol("s")]: 2 }, "hidden", { value: 3 });
    expect(Object.entries(echo(value) as object)).toEqual([["a", 1]]);
    expect(echo(runInNewContext("({ list: [1, { x: 2 }], map: new Map([['k', 1]]) })"))).toEqual(
      echo({ list: [1, { x: 2 }], map: { k: 1 } }),
    );
  });

  test("100 levels deep", () => {
    expect(echo(nested(100))).toEqual(nested(100));
  });
});

test("a refusal names no key of another call", () => {
  const encoder = messagePackCodec.encoder(options);
  encoder.add([0, 1, "echo", { secret: { secret: 1 } }]);
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const unlisted = new Proxy({}, { ownKeys: () => [][1] as never });
  for (const value of [unlisted, revoked.proxy]) {
    const error = failureOf(() => encoder.add([0, 2, "echo", value, 30_000]));
    expect(error.details).toEqual({ path: "args", type: "getter that throws" });
  }
});

describe("what cannot be carried is refused with its path, its type and a way out", () => {
  class Model {
    name = "m";
  }
  class List extends Array {}
  class Moment extends Date {}
  class Bag extends Set {}
  class Cache extends Map<string, number> {}
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const keyless = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error("no");
      },
    },
  );
  const changed = new PyDateTime("2024-01-01T00:00:00");
  changed.setUTCFullYear(2025);
  const circularSet = { s: new Set<unknown>() };
  circularSet.s.add(circularSet.s);
  const circle: Record<string, unknown> = { items: [] };
  (circle["items"] as unknown[]).push(1, new Map([["up", circle]]));
  const heavy: Record<string, unknown> = { text: "x".repeat(100_000) };
  heavy["self"] = heavy;

  const cases: [string, unknown, string, string][] = [
    ["a function", { run() {} }, "args.run", "function"],
    ["a symbol", [Symbol("s")], "args[0]", "symbol"],
    [
      "a date that is none",
      { items: [0, 0, 0, { when: new Date(Number.NaN) }] },
      "args.items[3].when",
      "Date that is invalid",
    ],
    [
      "a date before Python's first",
      [new Date(-1e14)],
      "args[0]",
      "Date outside the years 1 to 9999",
    ],
    ["a date that was changed", { d: changed }, "args.d", "PyDateTime that was changed"],
    ["a subclass of Date", { d: new Moment() }, "args.d", "Moment"],
    ["a subclass of Set", { s: new Bag() }, "args.s", "Bag"],
    ["a subclass of Map", { s: new Cache([["a", 1]]) }, "args.s", "Cache"],
    ["a proxy that was revoked", { p: revoked.proxy }, "args.p", "getter that throws"],
    ["a proxy that lists no keys", { p: keyless }, "args.p", "getter that throws"],
    ["a view of no kind", [new DataView(new ArrayBuffer(1))], "args[0]", "DataView"],
    ["a weak map", [new WeakMap()], "args[0]", "WeakMap"],
    ["a regular expression", /x/, "args", "RegExp"],
    ["an error", { e: new TypeError("no") }, "args.e", "TypeError"],
    ["a symbol in a set", { "odd key": new Set([1, Symbol("s")]) }, 'args["odd key"][1]', "symbol"],
    [
      "a symbol as a key",
      {
        m: new Map<unknown, number>([
          ["a", 1],
          [Symbol("s"), 2],
        ]),
      },
      "args.m[1]",
      "symbol",
    ],
    ["a symbol under another key", new Map([[1, { a: Symbol("s") }]]), "args[0].a", "symbol"],
    ["a symbol in an Enum", [new PyEnum("m.E", "A", [Symbol("s")])], "args[0].value[0]", "symbol"],
    [
      "half an emoji in a path",
      [new PyPath("\ud83d")],
      "args[0]",
      "string with half of a surrogate pair",
    ],
    ["a circle of a set", circularSet, "args.s[0]", "circular reference"],
    ["101 tuples", tuples(101), `args${"[0]".repeat(100)}`, "nesting deeper than 100"],
    ["101 maps with other keys", maps(101), `args${"[0]".repeat(100)}`, "nesting deeper than 100"],
    ["a buffer without a view", [new ArrayBuffer(8)], "args[0]", "ArrayBuffer"],
    ["a class instance", { model: new Model() }, "args.model", "Model"],
    ["an object that inherits", [Object.create({ a: 1 })], "args[0]", "class instance"],
    ["a subclass of Array", { list: List.from([1]) }, "args.list", "List"],
    ["a promise", { p: Promise.resolve(1) }, "args.p", "Promise"],
    [
      "half an emoji",
      { t: ["😀".slice(0, 1)] },
      "args.t[0]",
      "string with half of a surrogate pair",
    ],
    [
      "half an emoji in a long text",
      `${"x".repeat(99)}\udc00`,
      "args",
      "string with half of a surrogate pair",
    ],
    [
      "half an emoji in a key",
      { "\ud83d": 1 },
      'args["\\ud83d"]',
      "string with half of a surrogate pair",
    ],
    ["a circle", circle, "args.items[1].up", "circular reference"],
    ["a circle with much in it", heavy, "args.self", "circular reference"],
    ["101 levels", nested(101), `args${"[0]".repeat(100)}`, "nesting deeper than 100"],
    [
      "a getter that throws",
      {
        a: {
          get b(): number {
            throw new Error("no");
          },
        },
      },
      "args.a.b",
      "getter that throws",
    ],
  ];
  test.each(cases)("%s", (_, args, path, type) => {
    const encoder = messagePackCodec.encoder(options);
    encoder.add([4, 1]);
    const { bytes } = encoder;
    const error = failureOf(() => encoder.add([0, 2, "echo", args, 30_000]));
    expect(error.code).toBe("SERIALIZATION");
    expect(error.details).toEqual({ path, type });
    expect(error.outcome).toBe("not-started");
    expect(error.message).toMatch(/; (send|use|flatten|await) /);

    // And the batch is as it was.
    expect([encoder.bytes, encoder.records]).toEqual([bytes, 1]);
    encoder.add([4, 3]);
    expect(messagePackCodec.decode(encoder.finish(0).subarray(headroom))).toEqual([
      0,
      [4, 1],
      [4, 3],
    ]);
  });

  test("a call that a getter makes through the same encoder, and only that call", () => {
    const encoder = messagePackCodec.encoder(options);
    let inner: SnakepitError | undefined;
    encoder.add([
      {
        get a() {
          inner = failureOf(() => encoder.add([1]));
          return 5;
        },
      },
    ]);
    expect(inner?.code).toBe("INVALID_ARGUMENT");
    expect(Buffer.from(encoder.finish(0).subarray(headroom)).toString("hex")).toBe(
      "92009181a16105",
    );
  });
});

describe("a batch", () => {
  test("leaves the headroom free and starts with the acknowledgement", () => {
    const encoder = messagePackCodec.encoder({ headroom: 9, maxBytes: 1000 });
    expect(messagePackCodec.decode(encoder.finish(70_000).subarray(9))).toEqual([70_000]);
    for (let id = 1; id <= 20; id++) encoder.add([4, id]);
    const document = encoder.finish(0).subarray(9);
    expect(messagePackCodec.decode(document)).toHaveLength(21);
  });

  test("stays as it is when later ones are written, refused or moved to a larger slab", () => {
    const encoder = messagePackCodec.encoder({ headroom, maxBytes: 8 * 1024 * 1024 });
    const frames: { frame: Uint8Array; text: string }[] = [];
    const sizes = [10, 300, 20_000, 70_000, 5, 300_000, 1_000, 2_000_000, 40];
    for (let round = 0; round < 60; round++) {
      const text = String.fromCharCode(97 + (round % 26)).repeat(sizes[round % sizes.length] ?? 0);
      encoder.add([round, text]);
      failureOf(() => encoder.add([text, text, Symbol("refused")]));
      encoder.add([text]);
      const frame = encoder.finish(round);
      frame.fill(0xaa, 0, headroom); // as a carrier does
      frames.push({ frame, text });
    }
    for (const [round, { frame, text }] of frames.entries()) {
      expect(frame.subarray(0, headroom)).toEqual(Buffer.alloc(headroom, 0xaa));
      expect(messagePackCodec.decode(frame.subarray(headroom))).toEqual([
        round,
        [round, text],
        [text],
      ]);
    }
  });

  test("never gets longer than it may, and a record that does not fit fails alone", () => {
    for (let maxBytes = 40; maxBytes < 400; maxBytes += 7) {
      const encoder = messagePackCodec.encoder({ headroom, maxBytes });
      let added = 0;
      const failure = failureOf(() => {
        for (; added < 1_000; added++) encoder.add([0, added, "x".repeat(added % 23), 0.5]);
      });
      expect(failure.code).toBe("VALUE_TOO_LARGE");
      expect(failure.details).toMatchObject({ limitBytes: maxBytes });
      const document = encoder.finish(0).subarray(headroom);
      expect(document.length).toBeLessThanOrEqual(maxBytes);
      expect(document.length).toBeGreaterThan(maxBytes - 60);
      expect(messagePackCodec.decode(document)).toHaveLength(added + 1);
    }
  });

  test.each([
    ["a long text", "x".repeat(5_000_000)],
    ["much binary", new Uint8Array(5_000_000)],
    ["an array with a gigantic length", new Array(4_000_000_000)],
    ["many small values", Array.from({ length: 2_000_000 }, () => "ab")],
    [
      "a map of many entries",
      Object.fromEntries(
        Array.from({ length: 60_000 }, (_, index) => [`key number ${index}`, index]),
      ),
    ],
  ])("refuses %s before it is built", (_, args) => {
    const encoder = messagePackCodec.encoder({ headroom, maxBytes: 1_000_000 });
    const error = failureOf(() => encoder.add([0, 1, "echo", args]));
    expect(error.code).toBe("VALUE_TOO_LARGE");
    expect(error.outcome).toBe("not-started");
    expect(error.details).toMatchObject({ limitBytes: 1_000_000 });
    encoder.add([4, 2]);
    expect(messagePackCodec.decode(encoder.finish(0).subarray(headroom))).toEqual([0, [4, 2]]);
  });
});
