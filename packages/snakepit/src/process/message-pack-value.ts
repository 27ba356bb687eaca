import { types } from "node:util";
import type { SnakepitError } from "../errors.ts";
import {
  explain,
  isPlainArray,
  isPlainObject,
  isWellFormed,
  maxDepth,
  type PathKey,
  type Refusal,
  refusalOf,
  refusals,
  refused,
  tooLarge,
} from "../wire/refusal.ts";
import { namedRefusal } from "./carried-value.ts";
import { type Carried, MAX_VALUE_BYTES, type Message } from "./framing.ts";

const int64Min = -(2n ** 63n);
const uint64Max = 2n ** 64n - 1n;
/** Integers beyond 32 bits travel as bigints: the library would make floats of them. */
const int32Min = -(2 ** 31);
const uint32Max = 2 ** 32 - 1;

export interface PlainCopy {
  readonly value: unknown;
  /** Then all its integers are bigints, so that the numbers that are left may all be floats. */
  readonly hasNegativeZero: boolean;
}

/**
 * A copy of the message that MessagePack carries exactly, of plain objects without prototype. The
 * rules are those of `docs/protocol.md`, "Codecs": an undefined property is left out, any other
 * undefined is nil.
 * @throws SnakepitError SERIALIZATION, with the path and the type; VALUE_TOO_LARGE
 */
export function plainCopy(message: Message, carried?: Carried): PlainCopy {
  // Nearly never is there a -0, and nearly always is one walk enough.
  for (const integersAsBigInt of [false, true]) {
    const walk = new Walk(integersAsBigInt);
    const value: Record<string, unknown> = Object.create(null);
    for (const [key, entry] of Object.entries(message)) {
      if (entry !== undefined) value[key] = walk.copy(entry, "args");
    }
    if (carried !== undefined) value[carried.name] = walk.copy(carried.value, carried.name);
    if (integersAsBigInt || !walk.hasNegativeZero) {
      return { value, hasNegativeZero: walk.hasNegativeZero };
    }
  }
  throw new Error("the second walk has returned");
}

class Walk {
  hasNegativeZero = false;
  readonly #integersAsBigInt: boolean;
  /** At least so many bytes will be written. */
  #bytes = 0;
  /** As in a record of `docs/protocol.md`, whose fourth element is called `args`. */
  readonly #path: PathKey[] = [3];

  constructor(integersAsBigInt: boolean) {
    this.#integersAsBigInt = integersAsBigInt;
  }

  copy(value: unknown, name: Carried["name"]): unknown {
    try {
      return this.#value(value);
    } catch (error) {
      throw namedRefusal(explain(error, [0, 0, 0, value], this.#path), name);
    }
  }

  #value(value: unknown): unknown {
    this.#count(1);
    switch (typeof value) {
      case "number":
        return this.#number(value);
      case "string":
        return this.#text(value);
      case "boolean":
        return value;
      case "undefined":
        return null;
      case "bigint":
        if (value < int64Min || value > uint64Max) throw this.#refuse(refusals.hugeInteger);
        return value;
      case "object":
        return value === null ? null : this.#object(value);
      default:
        throw this.#refuse(refusalOf(value));
    }
  }

  #number(value: number): number | bigint {
    if (!Number.isSafeInteger(value)) return value;
    if (Object.is(value, -0)) {
      this.hasNegativeZero = true;
      return value;
    }
    const isShort = value >= int32Min && value <= uint32Max;
    return isShort && !this.#integersAsBigInt ? value : BigInt(value);
  }

  #text(text: string): string {
    if (!isWellFormed(text)) throw this.#refuse(refusals.loneSurrogate);
    this.#count(text.length);
    return text;
  }

  #object(value: object): unknown {
    if (Array.isArray(value)) {
      if (!isPlainArray(value)) throw this.#refuse(refusalOf(value));
      return this.#inside(() => this.#elements(value));
    }
    if (isPlainObject(value)) {
      const properties = value as Readonly<Record<string, unknown>>;
      return this.#inside(() => this.#entries(Object.keys(value), (key) => properties[key]));
    }
    if (types.isUint8Array(value)) {
      this.#count(value.length);
      return value;
    }
    if (types.isMap(value)) {
      const keys = [...value.keys()];
      if (!keys.every((key) => typeof key === "string")) throw this.#refuse(refusalOf(value));
      return this.#inside(() => this.#entries(keys, (key) => value.get(key)));
    }
    throw this.#refuse(refusalOf(value));
  }

  #inside(copy: () => unknown): unknown {
    // The path of a value in `n` containers has `n + 1` keys.
    if (this.#path.length > maxDepth) throw this.#refuse(refusals.tooDeep);
    const result = copy();
    this.#path.pop();
    return result;
  }

  #elements(values: readonly unknown[]): unknown[] {
    this.#count(values.length); // before a gigantic sparse array is walked
    const depth = this.#path.length;
    const copy: unknown[] = [];
    for (let index = 0; index < values.length; index++) {
      this.#path[depth] = index;
      copy.push(this.#value(values[index]));
    }
    this.#path.length = depth + 1;
    return copy;
  }

  #entries(keys: readonly string[], read: (key: string) => unknown): object {
    const depth = this.#path.length;
    const copy: Record<string, unknown> = Object.create(null);
    for (const key of keys) {
      this.#path[depth] = key;
      const value = read(key);
      if (value !== undefined) copy[this.#text(key)] = this.#value(value);
    }
    this.#path.length = depth + 1;
    return copy;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > MAX_VALUE_BYTES) throw tooLarge(this.#bytes, MAX_VALUE_BYTES);
  }

  #refuse(refusal: Refusal): SnakepitError {
    return refused(this.#path, refusal);
  }
}
