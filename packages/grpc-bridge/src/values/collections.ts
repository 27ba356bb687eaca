import { type HasWireForm, kinds, type WireForm, wireForm } from "./kinds.ts";

/**
 * A Python `tuple`: an array that says so. Made by `PyTuple.of(1, 2)` or `PyTuple.from(items)`; its
 * methods (`map`, `slice`, …) give plain arrays.
 */
export class PyTuple<Item = unknown> extends Array<Item> implements HasWireForm {
  // A mapped tuple is a list of results, as in Python.
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  [wireForm](): WireForm {
    return { kind: kinds.tuple, items: this };
  }
}

/** A Python `frozenset`. JavaScript cannot freeze a set: it is only marked as one. */
export class PyFrozenSet<Item = unknown> extends Set<Item> implements HasWireForm {
  [wireForm](): WireForm {
    return { kind: kinds.frozenSet, items: [...this] };
  }

  toJSON(): Item[] {
    return [...this];
  }
}
