import { describe, expect, test } from "vitest";
import { SnakepitError } from "../errors.ts";
import { jsonCodec } from "./json-codec.ts";

const options = { headroom: 4, maxBytes: 1024 * 1024 };

/** What a worker would read. */
function textOf(...records: unknown[][]): string {
  const encoder = jsonCodec.encoder(options);
  for (const record of records) encoder.add(record);
  return Buffer.from(encoder.finish(2).subarray(options.headroom)).toString();
}

function argsText(args: unknown): string {
  return textOf([args]).slice("[2,[".length, -"]]".length);
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

function refusalOf(args: unknown): SnakepitError {
  return failureOf(() => jsonCodec.encoder(options).add([0, 1, "echo", args]));
}

test("a batch is one array behind the carrier's headroom", () => {
  const encoder = jsonCodec.encoder({ headroom: 7, maxBytes: 1024 });
  expect(encoder.records).toBe(0);
  encoder.add([0, 1, "add", { a: 1, b: "ü" }, 30_000]);
  encoder.add([4, 2]);
  expect(encoder.records).toBe(2);
  const frame = encoder.finish(0);
  expect(Buffer.from(frame.subarray(7)).toString()).toBe(
    '[0,[0,1,"add",{"a":1,"b":"ü"},30000],[4,2]]',
  );
  expect(encoder.records).toBe(0);
  expect(Buffer.from(encoder.finish(3).subarray(7)).toString()).toBe("[3]");
});

test("plain data is written as JSON writes it, and floats keep their point", () => {
  const cases: [unknown, string][] = [
    [null, "null"],
    [undefined, "null"],
    [true, "true"],
    [0, "0"],
    [-0, "-0.0"],
    [1, "1"],
    [Number.MAX_SAFE_INTEGER, "9007199254740991"],
    [2 ** 53, "9007199254740992.0"],
    [-(2 ** 60), "-1152921504606847000.0"],
    [1e21, "1e+21"],
    [0.1, "0.1"],
    ['a"b\n', '"a\\"b\\n"'],
    [[1, undefined, [2]], "[1,null,[2]]"],
    [{ a: undefined, b: null, "": [] }, '{"b":null,"":[]}'],
    [new Map([["k", { x: 1 }]]), '{"k":{"x":1}}'],
    [Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    [JSON.parse('{"__proto__":{"x":1}}'), '{"__proto__":{"x":1}}'],
    [{ [Symbol("hidden")]: 1, seen: 2 }, '{"seen":2}'],
  ];
  for (const [value, text] of cases) expect(argsText(value)).toBe(text);
});

describe("what JSON cannot carry is refused with its path, its type and a way out", () => {
  const circle: Record<string, unknown> = { items: [] };
  (circle["items"] as unknown[]).push({ parent: circle });
  class Money {
    toJSON(): string {
      return "5 EUR";
    }
  }
  class Cache extends Map {}
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  let deep: unknown = 1;
  for (let level = 0; level < 101; level++) deep = [deep];

  const cases: [string, unknown, string, string][] = [
    ["bytes", { raw: new Uint8Array(2) }, "args.raw", "Uint8Array in JSON"],
    ["NaN", [1, Number.NaN], "args[1]", "NaN in JSON"],
    ["infinity", { a: { b: Number.NEGATIVE_INFINITY } }, "args.a.b", "-Infinity in JSON"],
    ["a bigint, whatever its size", [5n], "args[0]", "bigint in JSON"],
    ["a date", { items: [0, 0, 0, { when: new Date() }] }, "args.items[3].when", "Date"],
    ["a function", { run() {} }, "args.run", "function"],
    ["a class with a form in JSON", { m: new Money() }, "args.m", "Money in JSON"],
    ["a set", { "odd key": new Set() }, 'args["odd key"]', "Set"],
    ["half an emoji", ["😀".slice(0, 1)], "args[0]", "string with half of a surrogate pair"],
    ["a map with other keys", new Map([[1, 2]]), "args", "Map with keys other than strings"],
    ["a subclass of Map", { s: new Cache() }, "args.s", "Cache"],
    ["a proxy that was revoked", { p: revoked.proxy }, "args.p", "getter that throws"],
    ["a circle", circle, "args.items[0].parent", "circular reference"],
    ["101 levels", deep, `args${"[0]".repeat(100)}`, "nesting deeper than 100"],
  ];
  test.each(cases)("%s", (_, args, path, type) => {
    const error = refusalOf(args);
    expect(error.code).toBe("SERIALIZATION");
    expect(error.details).toEqual({ path, type });
    expect(error.outcome).toBe("not-started");
    expect(error.message).toMatch(/; (send|use|flatten) /);
  });
});

test("a refused record leaves the batch as it was", () => {
  const encoder = jsonCodec.encoder(options);
  encoder.add([0, 1, "a", { x: 1 }]);
  const { bytes } = encoder;
  expect(() => encoder.add([0, 2, "b", { x: "kept out", y: new Date() }])).toThrow("Date");
  expect([encoder.bytes, encoder.records]).toEqual([bytes, 1]);
  encoder.add([0, 3, "c", null]);
  expect(jsonCodec.decode(encoder.finish(0).subarray(4))).toEqual([
    0,
    [0, 1, "a", expect.objectContaining({ x: 1 })],
    [0, 3, "c", null],
  ]);
});

test("a record that does not fit is refused before all of it is built", () => {
  const encoder = jsonCodec.encoder({ headroom: 0, maxBytes: 1000 });
  let read = 0;
  const items = Array.from({ length: 500 }, () => ({
    get text() {
      read++;
      return "x".repeat(50);
    },
  }));
  const error = failureOf(() => encoder.add([0, 1, "a", items]));
  expect(error.code).toBe("VALUE_TOO_LARGE");
  expect(error.details).toMatchObject({ limitBytes: 1000 });
  expect(read).toBeLessThan(30);
  encoder.add([0, 1, "a", "x".repeat(900)]);
  expect(encoder.bytes).toBeLessThanOrEqual(1000);
});

test("objects come back without a prototype, and __proto__ is data", () => {
  const [, [, , value]] = jsonCodec.decode(
    Buffer.from('[1,[0,5,{"__proto__":{"admin":true},"list":[{}]}]]'),
  ) as [number, [number, number, Record<string, unknown>]];
  expect(Object.getPrototypeOf(value)).toBe(null);
  expect(Object.keys(value)).toEqual(["__proto__", "list"]);
  expect(Object.getPrototypeOf((value["list"] as object[])[0])).toBe(null);
  expect(Object.values(value).map(Object.getPrototypeOf)[0]).toBe(null);
  expect(({} as Record<string, unknown>)["admin"]).toBe(undefined);
});

describe("what is no batch ends in PROTOCOL", () => {
  const levels = (count: number) => "[".repeat(count) + "]".repeat(count);
  const cases: [string, Uint8Array][] = [
    ["nothing", Buffer.from("")],
    ["half a document", Buffer.from("[1,[0,")],
    ["bytes that follow", Buffer.from("[1][2]")],
    ["no array", Buffer.from('{"a":1}')],
    ["no acknowledgement", Buffer.from("[]")],
    ["a negative acknowledgement", Buffer.from("[-1]")],
    ["a record that is no array", Buffer.from("[1,{}]")],
    ["invalid UTF-8", Buffer.from([0x5b, 0x31, 0x2c, 0x5b, 0x22, 0xff, 0x22, 0x5d, 0x5d])],
    ["half of a surrogate pair", Buffer.from('[1,[0,1,"\\ud83d"]]')],
    ["the same in a key", Buffer.from('[1,[0,1,{"\\ud83d":1}]]')],
    ["a number beyond the floats", Buffer.from("[1,[0,1,1e999]]")],
    ["101 levels", Buffer.from(`[1,[0,1,${levels(101)}]]`)],
    ["100,000 levels", Buffer.from(`[1,[0,1,${levels(100_000)}]]`)],
  ];
  test.each(cases)("%s", (_, document) => {
    expect(failureOf(() => jsonCodec.decode(document)).code).toBe("PROTOCOL");
  });

  test("100 levels are fine", () => {
    expect(jsonCodec.decode(Buffer.from(`[1,[0,1,${levels(100)}]]`))).toHaveLength(2);
  });
});
