import type { Call } from "./call.ts";

/**
 * First in, first out, and a call leaves from the middle in one step. The links are the call's own,
 * and cleared when it leaves: V8's `Set` and `Map` leave their outgrown tables chained to each
 * other, so that at a million entries per second garbage collection cost three times the calls
 * themselves (measured, see bench/README.md).
 */
export class CallList implements Iterable<Call> {
  #first: Call | undefined;
  #last: Call | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Call | undefined {
    return this.#first;
  }

  /** A call is in one list at most. */
  push(call: Call): void {
    call.list = this;
    call.previous = this.#last;
    if (this.#last === undefined) this.#first = call;
    else this.#last.next = call;
    this.#last = call;
    this.#size++;
  }

  /** False when the call is not in this list. */
  delete(call: Call): boolean {
    if (call.list !== this) return false;
    const { next, previous } = call;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    call.list = undefined;
    call.next = undefined;
    call.previous = undefined;
    this.#size--;
    return true;
  }

  /** The calls that are here now; they may leave while the caller looks at them. */
  *[Symbol.iterator](): IterableIterator<Call> {
    let call = this.#first;
    while (call !== undefined) {
      const { next } = call;
      yield call;
      call = next;
    }
  }

  /** Takes everything out, oldest first. */
  drain(): Call[] {
    const calls = [...this];
    for (const call of calls) this.delete(call);
    return calls;
  }
}
