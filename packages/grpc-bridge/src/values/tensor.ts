import { types } from "node:util";
import { SnakepitError, show, withArticle } from "snakepit";
import { type HasWireForm, kinds, type WireForm, wireForm } from "./kinds.ts";

/**
 * What an array holds, by NumPy's names, and the typed array for it. JavaScript has no type for half
 * floats that all supported versions of Node know: those are their 16 bits. Complex numbers are
 * pairs, real part first.
 */
const arrays = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  complex64: Float32Array,
  complex128: Float64Array,
} as const;

/** Over any buffer: what `new Float32Array` is, and what a function takes that says `Float32Array`. */
interface TypedArrays {
  readonly bool: Uint8Array;
  readonly int8: Int8Array;
  readonly uint8: Uint8Array;
  readonly int16: Int16Array;
  readonly uint16: Uint16Array;
  readonly int32: Int32Array;
  readonly uint32: Uint32Array;
  readonly int64: BigInt64Array;
  readonly uint64: BigUint64Array;
  readonly float16: Uint16Array;
  readonly bfloat16: Uint16Array;
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly complex64: Float32Array;
  readonly complex128: Float64Array;
}

export type TensorDtype = keyof typeof arrays;
export type TensorData<Dtype extends TensorDtype = TensorDtype> = TypedArrays[Dtype];

/** How many dimensions NumPy has. */
const mostDimensions = 64;

/** What a typed array is as an array of one dimension. `Uint8Array` is missing: it is bytes. */
const dtypesOfArrays: Readonly<Record<string, TensorDtype>> = {
  Int8Array: "int8",
  Uint8ClampedArray: "uint8",
  Int16Array: "int16",
  Uint16Array: "uint16",
  Int32Array: "int32",
  Uint32Array: "uint32",
  BigInt64Array: "int64",
  BigUint64Array: "uint64",
  Float16Array: "float16",
  Float32Array: "float32",
  Float64Array: "float64",
};

/**
 * An array of numbers with any number of dimensions: NumPy's `ndarray`, or a tensor in the memory of
 * the CPU. `data` is row by row (the last index runs fastest) and as long as the dimensions say;
 * `shape` is empty for a single number. `value instanceof Tensor` gives an `AnyTensor`.
 */
export class Tensor<Dtype extends TensorDtype = TensorDtype> implements HasWireForm {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TensorData<Dtype>;

  // Only a type, for what `instanceof` concludes: it would be `Tensor<any>`.
  declare static readonly [Symbol.hasInstance]: (value: unknown) => value is AnyTensor;

  /** @throws SnakepitError INVALID_ARGUMENT with all that does not fit together */
  constructor(parts: TensorParts<Dtype>) {
    const problems = problemsOf(parts);
    if (problems.length > 0) {
      throw new SnakepitError("INVALID_ARGUMENT", `Tensor: ${problems.join("; ")}`, {
        outcome: "not-started",
      });
    }
    const { dtype, shape, data } = parts;
    this.dtype = dtype;
    this.shape = [...shape];
    this.data = data;
  }

  [wireForm](): WireForm {
    const { buffer, byteOffset, byteLength } = this.data;
    const leaf = [this.dtype, this.shape, new Uint8Array(buffer, byteOffset, byteLength)];
    return { kind: kinds.tensor, leaf };
  }
}

/** One of all dtypes: after `tensor.dtype === "int64"` its `data` is a `BigInt64Array`. */
export type AnyTensor = { [Dtype in TensorDtype]: Tensor<Dtype> }[TensorDtype];

export interface TensorParts<Dtype extends TensorDtype = TensorDtype> {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TensorData<Dtype>;
}

/** A typed array other than bytes, as the wire has it. */
export function arrayForm(value: ArrayBufferView): WireForm | undefined {
  const dtype = dtypesOfArrays[arrayName(value) ?? ""];
  if (dtype === undefined) return undefined;
  const { buffer, byteOffset, byteLength } = value;
  const shape = [(value as Int8Array).length];
  const leaf = [dtype, shape, new Uint8Array(buffer, byteOffset, byteLength)];
  return { kind: kinds.tensor, leaf };
}

/** What `bytes` hold, which nobody else has; undefined when they do not fit. */
export function tensorOf(dtype: string, shape: unknown, bytes: Uint8Array): Tensor | undefined {
  if (!isDtype(dtype) || !isShape(shape)) return undefined;
  const array = arrays[dtype];
  if (bytes.length !== elements(dtype, shape) * array.BYTES_PER_ELEMENT) return undefined;
  const aligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  const data = new array(
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    bytes.length / array.BYTES_PER_ELEMENT,
  );
  return new Tensor({ dtype, shape, data });
}

function problemsOf(parts: unknown): string[] {
  if (typeof parts !== "object" || parts === null) {
    return [`it is made of { dtype, shape, data }, not of ${show(parts)}`];
  }
  const { dtype, shape, data } = parts as { dtype?: unknown; shape?: unknown; data?: unknown };
  const problems: string[] = [];
  if (!isDtype(dtype)) {
    problems.push(`dtype is one of ${Object.keys(arrays).join(", ")}, not ${show(dtype)}`);
  }
  if (!isShape(shape)) {
    problems.push(
      `shape is a list of at most ${mostDimensions} integers from 0 on, not ${shownShape(shape)}`,
    );
  }
  if (!isDtype(dtype) || !isShape(shape)) return problems;
  const wanted = arrays[dtype].name;
  // Node's Buffer is a Uint8Array by this name too.
  if (!ArrayBuffer.isView(data) || arrayName(data) !== wanted) {
    return [`data of dtype ${dtype} is ${withArticle(wanted)}, not ${shownData(data)}`];
  }
  const { length } = data as Uint8Array;
  const needed = elements(dtype, shape);
  if (length === needed) return [];
  return [
    `shape [${shape.join(", ")}] of ${dtype} needs ${needed} elements, and data has ${length}`,
  ];
}

function shownShape(shape: unknown): string {
  if (!Array.isArray(shape)) return show(shape);
  if (shape.length > mostDimensions) return `${shape.length} of them`;
  return show(`[${shape.map(show).join(", ")}]`).slice(1, -1);
}

function shownData(data: unknown): string {
  if (ArrayBuffer.isView(data)) return withArticle(arrayName(data) ?? "DataView");
  return types.isAnyArrayBuffer(data) ? withArticle("ArrayBuffer") : show(data);
}

/** By an accessor that no instance can hide, and that arrays of other realms have too. */
function arrayName(value: ArrayBufferView): string | undefined {
  return typedArrayTag.call(value) as string | undefined;
}

const typedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)?.get as () => unknown;

function elements(dtype: TensorDtype, shape: readonly number[]): number {
  const perElement = dtype === "complex64" || dtype === "complex128" ? 2 : 1;
  return shape.reduce((product, length) => product * length, perElement);
}

function isDtype(dtype: unknown): dtype is TensorDtype {
  return typeof dtype === "string" && Object.hasOwn(arrays, dtype);
}

function isShape(shape: unknown): shape is readonly number[] {
  return (
    Array.isArray(shape) &&
    shape.length <= mostDimensions &&
    shape.every((length) => Number.isSafeInteger(length) && length >= 0)
  );
}
