import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { messagePackCodec } from "./msgpack-codec.ts";

const venv = fileURLToPath(new URL("../../../../python/.venv/bin/python", import.meta.url));
const python = process.env["SNAKEPIT_PYTHON"] ?? (existsSync(venv) ? venv : undefined);
if (python === undefined) {
  console.warn(`SKIPPED: MessagePack against Python's; set SNAKEPIT_PYTHON or create ${venv}`);
}

/** What we send, what Python must see of it (`repr`), and what comes back of Python's own. */
const table: [value: unknown, repr: string, back?: unknown][] = [
  [null, "None"],
  [undefined, "None", null],
  [true, "True"],
  [0, "0"],
  [-0, "-0.0"],
  [1, "1"],
  [-1, "-1"],
  [-32, "-32"],
  [-33, "-33"],
  [127, "127"],
  [128, "128"],
  [-129, "-129"],
  [65_535, "65535"],
  [-32_769, "-32769"],
  [2 ** 31, "2147483648"],
  [-(2 ** 31) - 1, "-2147483649"],
  [2 ** 32 - 1, "4294967295"],
  [2 ** 32, "4294967296"],
  [1_795_219_200_123, "1795219200123"],
  [Number.MAX_SAFE_INTEGER, "9007199254740991"],
  [Number.MIN_SAFE_INTEGER, "-9007199254740991"],
  [2 ** 53, "9007199254740992.0"],
  [2n ** 53n, "9007199254740992"],
  [-(2n ** 63n), "-9223372036854775808"],
  [2n ** 64n - 1n, "18446744073709551615"],
  [5n, "5", 5],
  [0.1, "0.1"],
  [1e300, "1e+300"],
  [5e-324, "5e-324"],
  [Number.NaN, "nan"],
  [Number.POSITIVE_INFINITY, "inf"],
  [Number.NEGATIVE_INFINITY, "-inf"],
  ["", "''"],
  ["héllo 😀", "'héllo 😀'"],
  ["x".repeat(300), `'${"x".repeat(300)}'`],
  ["\u0000", "'\\x00'"],
  [new Uint8Array([0, 255]), "b'\\x00\\xff'"],
  [[1, [2.5, []]], "[1, [2.5, []]]"],
  [{ a: 1, __proto_: { b: [] } }, "{'a': 1, '__proto_': {'b': []}}"],
  [JSON.parse('{"__proto__":1}'), "{'__proto__': 1}"],
];

const script = `
import json, sys, ormsgpack
source = json.load(sys.stdin)
batch = ormsgpack.unpackb(bytes.fromhex(source["document"]))
inf, nan = float("inf"), float("nan")
values = [eval(text, {"inf": inf, "nan": nan, "__builtins__": {}}) for text in source["reprs"]]
json.dump({
    "reprs": [repr(value) for value in batch[1]],
    "document": ormsgpack.packb([3, values]).hex(),
}, sys.stdout)
`;

describe.skipIf(python === undefined)("Python's MessagePack and ours agree", () => {
  const encoder = messagePackCodec.encoder({ headroom: 0, maxBytes: 1024 * 1024 });
  encoder.add(table.map(([value]) => value));
  const { stdout, stderr, status } = spawnSync(python ?? "", ["-c", script], {
    encoding: "utf8",
    env: { ...process.env, PYTHONIOENCODING: "utf-8" },
    input: JSON.stringify({
      document: Buffer.from(encoder.finish(0)).toString("hex"),
      reprs: table.map(([, repr]) => repr),
    }),
  });

  test("on what we write", () => {
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout).reprs).toEqual(table.map(([, repr]) => repr));
  });

  test("on what Python writes", () => {
    const document = Buffer.from(JSON.parse(stdout).document, "hex");
    const [acked, values] = messagePackCodec.decode(document) as [number, unknown[]];
    expect(acked).toBe(3);
    for (const [index, [value, repr, back = value]] of table.entries()) {
      expect(prototypesOn(values[index]), repr).toStrictEqual(back);
    }
  });
});

/** `toStrictEqual` compares prototypes too; what arrives has none. */
function prototypesOn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(prototypesOn);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, prototypesOn(entry)]),
  );
}
