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

  // `Array` makes instances of whichever class it is called on; its types say plain arrays.
  declare static of: {
    <Items extends readonly unknown[]>(...items: Items): PyTuple<Items[number]>;
    <Item>(...items: Item[]): PyTuple<Item>;
  };
  declare static from: {
    <Item>(items: Iterable<Item> | ArrayLike<Item>): PyTuple<Item>;
    <Item, Result>(
      items: Iterable<Item> | ArrayLike<Item>,
      map: (item: Item, index: number) => Result,
      self?: unknown,
    ): PyTuple<Result>;
  };

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
