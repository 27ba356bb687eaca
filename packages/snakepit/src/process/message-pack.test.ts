import { decode, encode } from "@msgpack/msgpack";
import { describe, expect, test } from "vitest";
import { SnakepitError } from "../errors.ts";
import { loadMessagePack } from "./message-pack.ts";

const codec = await loadMessagePack();

function documentOf(value: unknown): Uint8Array {
  return codec.encode({ request_id: "1" }, { name: "args", value }) as Uint8Array;
}

function decoded(document: Uint8Array): unknown {
  return codec.decode(Buffer.from(document));
}

/** There and back. */
function echoed(value: unknown): unknown {
  return (decoded(documentOf(value)) as { args: unknown }).args;
}

function failure(run: () => unknown): SnakepitError {
  try {
    run();
  } catch (error) {
    if (SnakepitError.is(error)) return error;
    throw error;
  }
  throw new Error("it did not throw");
}

describe("values arrive as they were", () => {
  test.for<[string, unknown]>([
    ["integers of every size", [0, 127, 128, 255, 65_536, 2 ** 31, 2 ** 32, 2 ** 53 - 1]],
    ["negative ones", [-1, -32, -33, -128, -129, -32_769, -(2 ** 31), -(2 ** 31) - 1]],
    ["the most negative safe one", Number.MIN_SAFE_INTEGER],
    ["floats", [0.1, -1.5e300, 1e21, Number.NaN, Number.POSITIVE_INFINITY, 5e-324]],
    ["minus zero, next to integers", { zero: -0, one: 1, large: 2 ** 40, text: "x" }],
    ["bigints of 64 bits", [2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)]],
    ["text", ["", "ü", "😀", "\0", "x".repeat(70_000), "é".repeat(300)]],
    ["bytes", [new Uint8Array(), new Uint8Array([1, 2, 3]), new Uint8Array(70_000)]],
    ["containers", [[], {}, [[]], { a: { b: [null, true, false] } }]],
    ["long containers", { list: Array.from({ length: 70_000 }, (_, n) => n) }],
    ["many keys", Object.fromEntries(Array.from({ length: 70_000 }, (_, n) => [`k${n}`, n]))],
  ])("%s", ([, value]) => {
    expect(echoed(value)).toEqual(value);
  });

  test("the key __proto__ is data, also beside others and in a Map", () => {
    const value = JSON.parse('{"a":1,"__proto__":{"polluted":true},"b":[{"__proto__":2}]}');
    const back = echoed(value) as object;
    expect(JSON.stringify(back)).toBe(JSON.stringify(value));
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(JSON.stringify(echoed(new Map([["__proto__", 1]])))).toBe('{"__proto__":1}');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("small bigints come back as the numbers that they are", () => {
    expect(echoed([5n, -5n, 2n ** 40n])).toEqual([5, -5, 2 ** 40]);
  });

  test("undefined is left out of objects, and null in arrays, as on every wire", () => {
    expect(echoed({ a: undefined, b: [undefined] })).toEqual({ b: [null] });
  });

  test("large integers are integers for other readers too", () => {
    const { args } = decode(documentOf([2 ** 40, -0, 0.5]), { useBigInt64: true }) as {
      args: unknown[];
    };
    expect(args).toEqual([2n ** 40n, -0, 0.5]);
  });

  test("bytes are a copy that keeps no packet in memory", () => {
    const bytes = echoed(new Uint8Array(10)) as Uint8Array;
    expect(bytes.constructor).toBe(Uint8Array);
    expect(bytes.buffer.byteLength).toBe(10);
  });
});

describe("what cannot be carried exactly is refused with its path and type", () => {
  const circle: Record<string, unknown> = { items: [] };
  (circle["items"] as unknown[]).push({ parent: circle });
  let deep: unknown = 1;
  for (let level = 0; level < 101; level++) deep = [deep];
  class Point {
    x = 1;
  }

  test.for<[string, unknown, string, string]>([
    ["a Date", { when: new Date(0) }, "args.when", "Date"],
    ["a bigint beyond 64 bits", [2n ** 64n], "args[0]", "bigint beyond 64 bits"],
    ["half a surrogate pair", { a: ["\ud83d"] }, "args.a[0]", "string with half of a surrogate"],
    ["such a key", { "\ud83d": 1 }, 'args["\\ud83d"]', "string with half of a surrogate pair"],
    ["a circle", circle, "args.items[0].parent", "circular reference"],
    ["nesting without end", deep, "args[0]", "nesting deeper than 100"],
    ["a function", { run() {} }, "args.run", "function"],
    ["a symbol", Symbol("s"), "args", "symbol"],
    ["a class instance", [new Point()], "args[0]", "Point"],
    ["a Set", new Set(), "args", "Set"],
    ["a Map with other keys", new Map([[1, 2]]), "args", "Map with keys other than strings"],
    ["floats of an array", new Float32Array(2), "args", "Float32Array"],
    ["an Error", new Error("x"), "args", "Error"],
    [
      "a getter that throws",
      {
        get x() {
          throw new Error("no");
        },
      },
      "args.x",
      "getter that throws",
    ],
  ])("%s", ([, value, path, type]) => {
    const error = failure(() => documentOf(value));
    expect(error).toMatchObject({ code: "SERIALIZATION", outcome: "not-started" });
    expect((error.details as { path: string }).path.startsWith(path)).toBe(true);
    expect((error.details as { type: string }).type).toContain(type);
    expect(echoed({ next: "is fine" })).toEqual({ next: "is fine" });
  });

  test("a result keeps its own name, and its work has been done", () => {
    const error = failure(() => codec.encode({}, { name: "result", value: { at: new Date() } }));
    expect(error).toMatchObject({ outcome: "failed", details: { path: "result.at" } });
  });

  test("what is too large is found before it is written", () => {
    const line = "x".repeat(1024 * 1024);
    const error = failure(() => documentOf(Array.from({ length: 100 }, () => line)));
    expect(error).toMatchObject({ code: "VALUE_TOO_LARGE", outcome: "not-started" });
    expect(failure(() => documentOf(new Array(2 ** 32 - 1)))).toMatchObject({
      code: "VALUE_TOO_LARGE",
    });
  });
});

describe("documents of others are read strictly", () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);
  let nested: unknown = 1;
  for (let level = 0; level < 99; level++) nested = [nested];

  test.for<[string, Uint8Array, string]>([
    ["nothing", bytes(), "ends too early"],
    ["half of a text", bytes(0xa5, 0x61), "ends too early"],
    ["an array of four thousand million", bytes(0xdd, 255, 255, 255, 255), "ends too early"],
    ["a map of as many", bytes(0xdf, 255, 255, 255, 255, 0xa1), "ends too early"],
    ["a document and a half", bytes(0x80, 0x80), "bytes follow the document"],
    ["text that is no UTF-8", bytes(0xa2, 0xc3, 0x28), "a string is not UTF-8"],
    ["half of a surrogate pair", bytes(0xa3, 0xed, 0xa0, 0x80), "a string is not UTF-8"],
    ["a key that is a number", bytes(0x81, 0x01, 0x02), "the keys of a map are strings"],
    ["a timestamp", encode(new Date(0)), "type 0xd6 is not part of the protocol"],
    ["the byte that means nothing", bytes(0xc1), "type 0xc1 is not part of the protocol"],
    [
      "nesting without end",
      Uint8Array.from({ length: 100_000 }, () => 0x91),
      "nests deeper than 100",
    ],
  ])("%s", ([, document, problem]) => {
    expect(() => decoded(document)).toThrow(problem);
  });

  test("every type that MessagePack has for our values is understood", () => {
    const value = { i8: -100, i16: -30_000, i32: -2e9, u8: 200, u16: 60_000, u32: 4e9, f: 1.5 };
    expect(decoded(encode(value))).toEqual(value);
    expect(decoded(bytes(0xca, 0x3f, 0xc0, 0, 0))).toBe(1.5);
    expect(decoded(encode({ nested }, { maxDepth: 200 }))).toEqual({ nested });
    // `__proto__`, in a longer form than it needs
    const long = Uint8Array.from([0x81, 0xd9, 9, ...Buffer.from("__proto__"), 7]);
    expect(JSON.stringify(decoded(long))).toBe('{"__proto__":7}');
  });
});

test("a missing library is named, with the command that installs it", async () => {
  const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
  const error = await loadMessagePack(() => Promise.reject(missing)).catch((reason) => reason);
  expect(error).toMatchObject({ code: "UNSUPPORTED", outcome: "not-started", cause: missing });
  expect(error.message).toContain("npm install @msgpack/msgpack");
});
