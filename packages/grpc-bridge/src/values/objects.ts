import { invalid } from "./invalid.ts";
import { type HasWireForm, kinds, type WireForm, wireForm } from "./kinds.ts";

const typeNameKey = Symbol.for("snakepit-grpc-bridge:type-name");

/**
 * The Python class that an object was: `"models.Answer"` for what had been an instance of a
 * dataclass or of a pydantic model; undefined for everything else.
 */
export function pyTypeName(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const name = (value as Record<symbol, unknown>)[typeNameKey];
  return typeof name === "string" ? name : undefined;
}

/** Not enumerable, so that it is no part of what the object is sent, printed and compared as. */
export function withTypeName<Value extends object>(value: Value, typeName: string): Value {
  return Object.defineProperty(value, typeNameKey, { value: typeName });
}

/**
 * An object that stayed in its worker (policy `unknownObjects: "ref"`). Sent to that worker it is
 * the object again, until its session ends or `python.release` lets go of it.
 */
export class PyRef implements HasWireForm {
  readonly workerId: string;
  readonly id: string;
  /** Module and name of its class. */
  readonly typeName: string;
  /** What can be said of it without running any of its code. */
  readonly summary: string;

  /** @throws SnakepitError INVALID_ARGUMENT when a part is no text */
  constructor(parts: PyRefParts) {
    const { workerId, id, typeName, summary } = Object(parts) as PyRefParts;
    if (![workerId, id, typeName, summary].every((part) => typeof part === "string")) {
      throw invalid("workerId, id, typeName and summary of a PyRef", "are text");
    }
    this.workerId = workerId;
    this.id = id;
    this.typeName = typeName;
    this.summary = summary;
  }

  [wireForm](): WireForm {
    return { kind: kinds.ref, leaf: [this.workerId, this.id, this.typeName, this.summary] };
  }
}

export interface PyRefParts {
  readonly workerId: string;
  readonly id: string;
  readonly typeName: string;
  readonly summary: string;
}

/** Stands where an object was that no value could be made of (policy `"placeholder"`). */
export class PyPlaceholder {
  readonly typeName: string;
  readonly summary: string;

  constructor(typeName: string, summary: string) {
    this.typeName = typeName;
    this.summary = summary;
  }
}
