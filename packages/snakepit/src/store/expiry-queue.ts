/** Something that ends. The last two belong to the queue. */
export interface Expiring {
  /** Infinity: never. */
  expiresAtMs: number;
  /** When the queue looks at it next; never after its end. */
  lookAtMs: number;
  /** Where it is in the queue; -1: nowhere. */
  place: number;
}

export const unqueued = { lookAtMs: 0, place: -1 } as const;

/**
 * What ends next? A binary heap. Putting off an end, as every use of a session does, costs nothing:
 * the item is moved when its old end has come.
 */
export class ExpiryQueue<Item extends Expiring> {
  readonly #heap: Item[] = [];

  /** To be called when the item is new or ends earlier than before; allowed whenever it changes. */
  update(item: Item): void {
    if (item.expiresAtMs === Number.POSITIVE_INFINITY) {
      this.remove(item);
      return;
    }
    if (item.place === -1) item.place = this.#heap.push(item) - 1;
    else if (item.expiresAtMs >= item.lookAtMs) return;
    item.lookAtMs = item.expiresAtMs;
    this.#rise(item);
  }

  remove(item: Item): void {
    const { place } = item;
    if (place === -1) return;
    const last = this.#heap.pop();
    item.place = -1;
    if (last === undefined || last === item) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  /** Takes out one that has ended by now. */
  take(nowMs: number): Item | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.lookAtMs > nowMs) return undefined;
      if (first.expiresAtMs <= nowMs) {
        this.remove(first);
        return first;
      }
      first.lookAtMs = first.expiresAtMs;
      this.#sink(first);
    }
  }

  #rise(item: Item): void {
    while (item.place > 0) {
      const parent = this.#heap[(item.place - 1) >> 1];
      if (parent === undefined || parent.lookAtMs <= item.lookAtMs) return;
      this.#swap(item, parent);
    }
  }

  #sink(item: Item): void {
    for (;;) {
      const left = this.#heap[2 * item.place + 1];
      const right = this.#heap[2 * item.place + 2];
      const child =
        left !== undefined && right !== undefined && right.lookAtMs < left.lookAtMs ? right : left;
      if (child === undefined || child.lookAtMs >= item.lookAtMs) return;
      this.#swap(item, child);
    }
  }

  #swap(item: Item, other: Item): void {
    const place = item.place;
    this.#put(item, other.place);
    this.#put(other, place);
  }

  #put(item: Item, place: number): void {
    this.#heap[place] = item;
    item.place = place;
  }
}
