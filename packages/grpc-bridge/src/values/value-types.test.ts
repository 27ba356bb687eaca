import { expect, expectTypeOf, test } from "vitest";
import { type AnyTensor, PyTuple, Tensor } from "../index.ts";

test("tuples are made of mixed members, and are tuples for the compiler too", () => {
  const mixed = PyTuple.of(1, "a");
  expectTypeOf(mixed).toEqualTypeOf<PyTuple<string | number>>();
  expectTypeOf(PyTuple.of<unknown>(1)).toEqualTypeOf<PyTuple<unknown>>();
  const copied: PyTuple<number> = PyTuple.from([1, 2]);
  const mapped: PyTuple<string> = PyTuple.from(new Set([1]), (item) => `${item}`);
  expectTypeOf(mixed.map(String)).toEqualTypeOf<string[]>();
  for (const tuple of [mixed, copied, mapped]) expect(tuple).toBeInstanceOf(PyTuple);
  expect([mixed, copied, mapped]).toEqual([
    PyTuple.from([1, "a"]),
    PyTuple.of(1, 2),
    PyTuple.of("1"),
  ]);
});

test("a value that is a Tensor has the data of its dtype, for the compiler too", () => {
  const value: unknown = new Tensor({ dtype: "int64", shape: [1], data: new BigInt64Array(1) });
  if (!(value instanceof Tensor)) throw new Error("it is one");
  expectTypeOf(value).toEqualTypeOf<AnyTensor>();
  if (value.dtype !== "int64") throw new Error("it holds such integers");
  expectTypeOf(value.data).toEqualTypeOf<BigInt64Array>();
  expect(value.data[0]).toBe(0n);
  expectTypeOf<AnyTensor>().toExtend<Tensor>();
  expectTypeOf<Tensor<"float32">>().toExtend<AnyTensor>();
  expect({} instanceof Tensor).toBe(false);
});
