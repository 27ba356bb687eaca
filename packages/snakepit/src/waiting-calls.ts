import type { Call } from "./call.ts";
import { LinkedList } from "./linked-list.ts";
import { hasRoomForNested } from "./scheduler.ts";
import type { Worker } from "./worker.ts";

/**
 * Calls that wait for a slot, first in, first out. Calls that a worker's own call waits for come
 * before all others, since its slot is taken until they are answered. Every step costs the same
 * however many wait.
 */
export class WaitingCalls {
  readonly #nested = new Lines();
  readonly #others = new Lines();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** A new call that any worker may take would overtake nobody. */
  get isCommonEmpty(): boolean {
    return this.#others.common.size === 0;
  }

  /** Those that any worker may take. */
  get commonSize(): number {
    return this.#nested.common.size + this.#others.common.size;
  }

  /** The call that has waited longest for any worker. */
  get oldest(): Call | undefined {
    return this.#nested.common.first ?? this.#others.common.first;
  }

  /** `worker`: the only one that may take it. */
  push(call: Call, worker?: Worker): void {
    this.#linesOf(call).line(worker).push(call);
    this.#size++;
  }

  /** As `push`, in front of those that came later. */
  pushBack(call: Call, worker?: Worker): void {
    this.#linesOf(call).line(worker).unshift(call);
    this.#size++;
  }

  /** False when the call does not wait. */
  delete(call: Call): boolean {
    const line = call.list;
    if (!(line instanceof Line)) return false;
    line.delete(call);
    this.#size--;
    if (line.size === 0) this.#linesOf(call).forget(line);
    return true;
  }

  /** The call that a worker should take, if it has room for one. The call stays here. */
  next(worker: Worker): Call | undefined {
    if (this.#size === 0) return undefined;
    const nested = hasRoomForNested(worker) ? this.#nested.first(worker, always) : undefined;
    return nested ?? this.#others.first(worker, fits);
  }

  /** Those that wait for that worker alone. */
  waitingFor(worker: Worker): Call[] {
    return [...this.#nested.pinnedTo(worker), ...this.#others.pinnedTo(worker)];
  }

  *[Symbol.iterator](): IterableIterator<Call> {
    yield* this.#nested;
    yield* this.#others;
  }

  /** Takes everything out. */
  drain(): Call[] {
    const calls = [...this];
    for (const call of calls) this.delete(call);
    return calls;
  }

  #linesOf(call: Call): Lines {
    return call.depth > 0 ? this.#nested : this.#others;
  }
}

/** The class tells a line of waiting calls from the calls that a worker holds. */
class Line extends LinkedList<Call> {
  /** The only worker that may take from it. */
  readonly worker: Worker | undefined;
  constructor(worker: Worker | undefined) {
    super();
    this.worker = worker;
  }
}

/** One line for calls that any worker may take, and one per worker that calls must have. */
class Lines {
  readonly common = new Line(undefined);
  readonly #pinned = new Map<Worker, Line>();

  line(worker: Worker | undefined): Line {
    if (worker === undefined) return this.common;
    const line = this.#pinned.get(worker) ?? new Line(worker);
    this.#pinned.set(worker, line);
    return line;
  }

  pinnedTo(worker: Worker): Iterable<Call> {
    return this.#pinned.get(worker) ?? [];
  }

  /** The oldest call that the worker may take and has room for. */
  first(worker: Worker, isFit: (call: Call, worker: Worker) => boolean): Call | undefined {
    const common = fitting(this.common.first, worker, isFit);
    if (this.#pinned.size === 0) return common;
    const pinned = fitting(this.#pinned.get(worker)?.first, worker, isFit);
    if (common === undefined || pinned === undefined) return common ?? pinned;
    return pinned.number < common.number ? pinned : common;
  }

  forget(line: Line): void {
    if (line.worker !== undefined) this.#pinned.delete(line.worker);
  }

  *[Symbol.iterator](): IterableIterator<Call> {
    for (const line of [...this.#pinned.values()]) yield* line;
    yield* this.common;
  }
}

function fitting(
  call: Call | undefined,
  worker: Worker,
  isFit: (call: Call, worker: Worker) => boolean,
): Call | undefined {
  return call !== undefined && isFit(call, worker) ? call : undefined;
}

function fits(call: Call, worker: Worker): boolean {
  return worker.load < worker.room(call.command);
}

function always(): boolean {
  return true;
}
