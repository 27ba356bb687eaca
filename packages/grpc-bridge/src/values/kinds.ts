/**
 * The kinds of values that plain MessagePack has no type for: the codes of its extension types, and
 * what each carries. The table is in `docs/protocol.md`, "Codecs"; the other half is Python's
 * `values/kinds.py`.
 */
export const kinds = {
  tuple: 1,
  set: 2,
  frozenSet: 3,
  map: 4,
  integer: 5,
  datetime: 6,
  date: 7,
  time: 8,
  timedelta: 9,
  decimal: 10,
  uuid: 11,
  complex: 12,
  path: 13,
  enum: 14,
  object: 15,
  tensor: 16,
  table: 17,
  ref: 18,
  placeholder: 19,
  /** Binary data that has come ahead of its document; see "Big values" there. */
  part: 20,
} as const;

/** What a kind that holds no other values consists of. */
export type Leaf = string | number | bigint | Uint8Array | readonly Leaf[];

export type Kind = (typeof kinds)[keyof typeof kinds];

/**
 * The method by which one of our classes says what it is on the wire. A registered symbol, so that
 * values of another installed copy of this package are known too.
 */
export const wireForm: unique symbol = Symbol.for("snakepit-grpc-bridge:wire-form");

/** `items` and `value` may be anything that can be sent; a leaf holds nothing but itself. */
export type WireForm =
  | { readonly kind: Kind; readonly items: readonly unknown[] }
  | { readonly kind: Kind; readonly leaf: Leaf }
  | { readonly kind: typeof kinds.enum; readonly names: readonly string[]; readonly value: unknown }
  | { readonly float: number };

export interface HasWireForm {
  [wireForm](): WireForm;
}
