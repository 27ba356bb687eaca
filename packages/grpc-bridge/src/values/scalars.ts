import { show } from "snakepit";
import { invalid, notOf } from "./invalid.ts";
import { type HasWireForm, kinds, type WireForm, wireForm } from "./kinds.ts";

const decimalPattern = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|s?nan\d*)$/i;
const uuidPattern = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/;

/** A number that Python gets as a `float`, also where it is whole: `pyFloat(1)` is `1.0`. */
export class PyFloat implements HasWireForm {
  readonly value: number;

  /** @throws SnakepitError INVALID_ARGUMENT when it is no number */
  constructor(value: number) {
    if (typeof value !== "number") throw invalid("a PyFloat", `is a number, not ${show(value)}`);
    this.value = value;
  }

  valueOf(): number {
    return this.value;
  }

  toJSON(): number {
    return this.value;
  }

  [wireForm](): WireForm {
    return { float: this.value };
  }
}

/**
 * For values whose type matters to Python: without it `1` is an `int` there, and `1.5` a `float`.
 * @throws SnakepitError INVALID_ARGUMENT when it is no number
 */
export function pyFloat(value: number): PyFloat {
  return new PyFloat(value);
}

/** A Python `Decimal`, digit by digit. */
export class PyDecimal implements HasWireForm {
  readonly text: string;

  /** @throws SnakepitError INVALID_ARGUMENT when the text is not a number such as `"1.50"` */
  constructor(text: string) {
    // A number has lost the digits already that a Decimal is for.
    if (typeof text !== "string" || !decimalPattern.test(text)) {
      throw notOf("a PyDecimal is made of text", text, "1.50");
    }
    this.text = text;
  }

  /** Rounded to what a `number` can hold. */
  toNumber(): number {
    if (/nan/i.test(this.text)) return Number.NaN;
    return Number(this.text.replace(/inf(inity)?$/i, "Infinity"));
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }

  [wireForm](): WireForm {
    return { kind: kinds.decimal, leaf: this.text };
  }
}

/** A Python `UUID`. */
export class PyUuid implements HasWireForm {
  /** With hyphens and in lower case. */
  readonly text: string;

  /** @throws SnakepitError INVALID_ARGUMENT when the text is no UUID with its four hyphens */
  constructor(text: string) {
    const lower = typeof text === "string" ? text.toLowerCase() : "";
    if (!uuidPattern.test(lower)) {
      throw notOf("a PyUuid is made of text", text, "c0ffee00-0000-4000-8000-000000000000");
    }
    this.text = lower;
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }

  [wireForm](): WireForm {
    return { kind: kinds.uuid, leaf: this.text };
  }
}

/** A Python `complex`. */
export class PyComplex implements HasWireForm {
  readonly real: number;
  readonly imaginary: number;

  /** @throws SnakepitError INVALID_ARGUMENT when a part is no number */
  constructor(real: number, imaginary = 0) {
    if (typeof real !== "number" || typeof imaginary !== "number") {
      throw invalid(
        "the parts of a PyComplex",
        `are numbers, not ${show(real)} and ${show(imaginary)}`,
      );
    }
    this.real = real;
    this.imaginary = imaginary;
  }

  /** `"1+2j"` */
  toString(): string {
    const isNegative = this.imaginary < 0 || Object.is(this.imaginary, -0);
    return `${this.real}${isNegative ? "-" : "+"}${Math.abs(this.imaginary)}j`;
  }

  toJSON(): { real: number; imaginary: number } {
    return { real: this.real, imaginary: this.imaginary };
  }

  [wireForm](): WireForm {
    const bytes = new DataView(new ArrayBuffer(16));
    bytes.setFloat64(0, this.real);
    bytes.setFloat64(8, this.imaginary);
    return { kind: kinds.complex, leaf: new Uint8Array(bytes.buffer) };
  }
}

const pathFlavours = ["Path", "PurePosixPath", "PureWindowsPath"] as const;
export type PathFlavour = (typeof pathFlavours)[number];

/** A path of Python's `pathlib`. */
export class PyPath implements HasWireForm {
  readonly text: string;
  readonly flavour: PathFlavour;

  /**
   * `"Path"` is a path of the system that the worker runs on, the others are of the system that
   * they are named after.
   * @throws SnakepitError INVALID_ARGUMENT when the text is none, or there is no such flavour
   */
  constructor(text: string, flavour: PathFlavour = "Path") {
    if (typeof text !== "string") throw notOf("a PyPath is made of text", text, "/data/model.bin");
    if (!pathFlavours.includes(flavour)) {
      throw invalid(
        "the flavour of a PyPath",
        `is one of ${pathFlavours.join(", ")}, not ${show(flavour)}`,
      );
    }
    this.text = text;
    this.flavour = flavour;
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }

  [wireForm](): WireForm {
    return { kind: kinds.path, leaf: [this.flavour, this.text] };
  }
}

/** A member of a Python `Enum`. It goes back to workers that have imported the module of its class. */
export class PyEnum<Value = unknown> implements HasWireForm {
  /** Module and name of the class: `"colours.Colour"`. */
  readonly typeName: string;
  /** `"RED"` */
  readonly name: string;
  readonly value: Value;

  /** @throws SnakepitError INVALID_ARGUMENT when the class or the name is no text */
  constructor(typeName: string, name: string, value: Value) {
    if (typeof typeName !== "string" || typeof name !== "string") {
      throw invalid("the class and the name of a PyEnum", "are text");
    }
    this.typeName = typeName;
    this.name = name;
    this.value = value;
  }

  /** `"Colour.RED"` */
  toString(): string {
    return `${this.typeName.slice(this.typeName.lastIndexOf(".") + 1)}.${this.name}`;
  }

  toJSON(): Value {
    return this.value;
  }

  [wireForm](): WireForm {
    return { kind: kinds.enum, names: [this.typeName, this.name], value: this.value };
  }
}
