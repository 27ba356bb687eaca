import { type Clock, systemClock } from "./clock.ts";

/** Width of a slot of the wheel: how late a deadline may be noticed. */
const TICK_MS = 8;
/** 512 slots of 8 ms: a turn takes 4 s. Later deadlines stay in their slot for several turns. */
const SLOTS = 512;

/** Something with a deadline. The links belong to the wheel: an entry is in one list at most. */
export interface Expiring {
  /** On the clock of the wheel. */
  deadlineMs: number;
  /** Called at most once, at the deadline or up to `TICK_MS` later. */
  expire(): void;
  wheelNext: Expiring | undefined;
  wheelPrevious: Expiring | undefined;
  wheelSlot: number;
}

/** Not in the wheel. */
export const NO_SLOT = -1;

/**
 * Deadlines of many calls behind one timer. A hashed wheel (Varghese and Lauck, 1987): adding and
 * removing cost a few nanoseconds and no allocation, where a timer of Node's own costs 300 ns.
 * Never hands Node a long delay, which above 2^31 - 1 ms would fire at once.
 */
export class Deadlines {
  readonly #slots = new Array<Expiring | undefined>(SLOTS).fill(undefined);
  readonly #clock: Clock;
  #size = 0;
  #tick = 0;
  #tickedMs = Number.NEGATIVE_INFINITY;
  #timer: Disposable | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** When it last looked at its clock: whoever has a deadline now and is older, is no quick one. */
  get tickedMs(): number {
    return this.#tickedMs;
  }

  /** An infinite deadline is not kept at all. */
  add(entry: Expiring): void {
    if (entry.deadlineMs === Number.POSITIVE_INFINITY) return;
    if (this.#timer === undefined) this.#start();
    const due = Math.max(this.#tick + 1, Math.ceil(entry.deadlineMs / TICK_MS));
    const slot = due % SLOTS;
    const head = this.#slots[slot];
    entry.wheelSlot = slot;
    entry.wheelNext = head;
    entry.wheelPrevious = undefined;
    if (head !== undefined) head.wheelPrevious = entry;
    this.#slots[slot] = entry;
    this.#size++;
  }

  /**
   * Gives an entry another deadline. Putting it off, as each chunk of a stream does, only notes
   * the new one: the entry is moved when the wheel comes past it.
   */
  change(entry: Expiring, deadlineMs: number): void {
    const later = deadlineMs >= entry.deadlineMs;
    entry.deadlineMs = deadlineMs;
    if (later && entry.wheelSlot !== NO_SLOT) return;
    this.remove(entry);
    this.add(entry);
  }

  remove(entry: Expiring): void {
    if (entry.wheelSlot === NO_SLOT) return;
    const { wheelNext, wheelPrevious } = entry;
    if (wheelNext !== undefined) wheelNext.wheelPrevious = wheelPrevious;
    if (wheelPrevious === undefined) this.#slots[entry.wheelSlot] = wheelNext;
    else wheelPrevious.wheelNext = wheelNext;
    entry.wheelSlot = NO_SLOT;
    entry.wheelNext = undefined;
    entry.wheelPrevious = undefined;
    this.#size--;
  }

  #start(): void {
    this.#tick = Math.floor(this.#clock.now() / TICK_MS);
    this.#timer = this.#clock.startInterval(TICK_MS, () => this.#advance());
  }

  #advance(): void {
    this.#tickedMs = this.#clock.now();
    const now = Math.floor(this.#tickedMs / TICK_MS);
    // After a blocked event loop one full turn sees every slot; more would see them twice.
    const first = Math.max(this.#tick + 1, now - SLOTS + 1);
    for (let tick = first; tick <= now; tick++) {
      this.#tick = tick;
      this.#expireSlot(tick % SLOTS, tick);
    }
    this.#tick = now;
    if (this.#size === 0) {
      this.#timer?.[Symbol.dispose]();
      this.#timer = undefined;
    }
  }

  #expireSlot(slot: number, tick: number): void {
    const limitMs = tick * TICK_MS;
    const due: Expiring[] = [];
    const moved: Expiring[] = [];
    for (let entry = this.#slots[slot]; entry !== undefined; entry = entry.wheelNext) {
      if (entry.deadlineMs <= limitMs) due.push(entry);
      else if (Math.ceil(entry.deadlineMs / TICK_MS) % SLOTS !== slot) moved.push(entry);
    }
    for (const entry of moved) {
      this.remove(entry);
      this.add(entry);
    }
    for (const entry of due) {
      // An earlier one of the same slot may have removed or moved it.
      if (entry.wheelSlot !== slot || entry.deadlineMs > limitMs) continue;
      this.remove(entry);
      entry.expire();
    }
  }
}

const wheels = new WeakMap<Clock, Deadlines>();

/** One wheel for everything that goes by the same clock, so that pools share their ticks. */
export function deadlinesOn(clock: Clock): Deadlines {
  const wheel = wheels.get(clock) ?? new Deadlines(clock);
  wheels.set(clock, wheel);
  return wheel;
}
