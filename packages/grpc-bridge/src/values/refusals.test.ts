import { expect, test } from "vitest";
import { ArrowTable, Tensor } from "../index.ts";
import { messagePackCodec } from "./msgpack-codec.ts";

function refusal(value: unknown): unknown {
  const encoder = messagePackCodec.encoder({ headroom: 0, maxBytes: 1024 * 1024 });
  try {
    encoder.add([0, 1, "echo", { value }]);
  } catch (error) {
    return error;
  }
  return undefined;
}

function transferred<View extends Uint8Array | Float64Array>(array: View): View {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

const bytes = transferred(new Uint8Array(4));
const numbers = new Float64Array(1);
const tensor = new Tensor({ dtype: "float64", shape: [1], data: numbers });
transferred(numbers);

test.each<[string, unknown, string, string]>([
  ["DataView", new DataView(new ArrayBuffer(8)), "DataView", "new Uint8Array(view.buffer, view."],
  ["URL", new URL("https://example.org/"), "URL", "url.href"],
  ["boxed number", Object(1), "Number", "value.valueOf()"],
  ["boxed text", Object("a"), "String", "value.valueOf()"],
  ["boxed truth", Object(true), "Boolean", "value.valueOf()"],
  ["iterator", [1].values(), "generator or iterator", "[...values]"],
  ["iterator of a Map", new Map().entries(), "generator or iterator", "[...values]"],
  ["generator", (function* () {})(), "generator or iterator", "[...values]"],
  ["async generator", (async function* () {})(), "stream of values", "for await"],
  ["WeakMap", new WeakMap(), "WeakMap", "may be gone at any moment"],
  ["WeakSet", new WeakSet(), "WeakSet", "may be gone at any moment"],
  ["WeakRef", new WeakRef({}), "WeakRef", "may be gone at any moment"],
  ["detached bytes", bytes, "Uint8Array whose buffer was transferred", "array.slice()"],
  ["detached array", numbers, "Float64Array whose buffer was transferred", "array.slice()"],
  ["detached tensor", tensor, "Float64Array whose buffer was transferred", "array.slice()"],
])("a %s is refused with what to send in its place", (_, value, type, fix) => {
  expect(refusal(value)).toMatchObject({
    code: "SERIALIZATION",
    outcome: "not-started",
    message: expect.stringContaining(fix),
    details: { path: "args.value", type },
  });
});

test.each([
  [new ArrayBuffer(1), "an ArrayBuffer"],
  [new URL("https://example.org/"), "a URL"],
  [bytes, "a Uint8Array whose"],
])("what is refused is named as one speaks", (value, name) => {
  expect((refusal(value) as Error).message).toContain(`cannot send ${name}`);
});

test("a table of apache-arrow is refused with the call that makes it an ArrowTable", async () => {
  const { tableFromArrays } = await import("apache-arrow");
  expect(refusal(tableFromArrays({ n: new Int32Array([1, 2]) }))).toMatchObject({
    code: "SERIALIZATION",
    message: expect.stringContaining("send await ArrowTable.from(table)"),
  });
});

test.each([
  ["an object", {}, "another object"],
  ["a number", 5, "5"],
  ["null", null, "null"],
  ["an array", [], "an array"],
])("ArrowTable.from refuses %s with what it takes", async (_, value, name) => {
  await expect(ArrowTable.from(value as never)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining(`takes a Table of apache-arrow, not ${name}`),
  });
});
