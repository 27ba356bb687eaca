/** What an item of a list carries for it. Only the list writes these. */
export interface Linked<Item> {
  /** The list that holds it: one at most. */
  list: object | undefined;
  next: Item | undefined;
  previous: Item | undefined;
}

/**
 * First in, first out, and an item leaves from the middle in one step. The links are the item's
 * own, and cleared when it leaves: V8's `Set` and `Map` leave their outgrown tables chained to each
 * other, so that at a million entries per second garbage collection cost three times the calls
 * themselves (measured, see bench/README.md).
 */
export class LinkedList<Item extends Linked<Item>> implements Iterable<Item> {
  #first: Item | undefined;
  #last: Item | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Item | undefined {
    return this.#first;
  }

  push(item: Item): void {
    item.list = this;
    item.previous = this.#last;
    if (this.#last === undefined) this.#first = item;
    else this.#last.next = item;
    this.#last = item;
    this.#size++;
  }

  /** In front of all others. */
  unshift(item: Item): void {
    item.list = this;
    item.next = this.#first;
    if (this.#first === undefined) this.#last = item;
    else this.#first.previous = item;
    this.#first = item;
    this.#size++;
  }

  /** False when the item is not in this list. */
  delete(item: Item): boolean {
    if (item.list !== this) return false;
    const { next, previous } = item;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    item.list = undefined;
    item.next = undefined;
    item.previous = undefined;
    this.#size--;
    return true;
  }

  /** The items that are here now; they may leave while the caller looks at them. */
  *[Symbol.iterator](): IterableIterator<Item> {
    let item = this.#first;
    while (item !== undefined) {
      const { next } = item;
      yield item;
      item = next;
    }
  }

  /** Takes everything out, oldest first. */
  drain(): Item[] {
    const items = [...this];
    for (const item of items) this.delete(item);
    return items;
  }
}
