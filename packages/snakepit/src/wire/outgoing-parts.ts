import type { BigRecord } from "./codec.ts";
import type { PartFrame } from "./part-frame.ts";
import { PART_CREDIT_BYTES, VALUES_AT_ONCE } from "./part-limits.ts";
import { type Pending, protocolError } from "./pending.ts";

/** A call of which parts are still to be sent. Its record follows them. */
export class OutgoingValue {
  readonly pending: Pending;
  readonly record: BigRecord;
  /** As they were when the value was encoded; a buffer that was transferred since has none. */
  readonly #lengths: readonly number[];
  #number = 0;
  #offset = 0;

  constructor(pending: Pending, record: BigRecord) {
    this.pending = pending;
    this.record = record;
    this.#lengths = record.parts.map((part) => part.length);
  }

  get hasBegun(): boolean {
    return this.#number > 0 || this.#offset > 0;
  }

  get isComplete(): boolean {
    return this.#number === this.record.parts.length;
  }

  /** Its caller has taken the bytes away while they were being sent. */
  get isTorn(): boolean {
    return this.record.parts[this.#number]?.length !== this.#lengths[this.#number];
  }

  /** `memory` has room for `mostBytes` and gets the next of them. */
  next(mostBytes: number, memory: Uint8Array): PartFrame {
    const part = this.record.parts[this.#number] as Uint8Array;
    const end = Math.min(part.length, this.#offset + mostBytes);
    // A copy: the system reads it later, and its owner may have given the memory away by then.
    memory.set(part.subarray(this.#offset, end));
    const bytes = memory.subarray(0, end - this.#offset);
    const { id } = this.pending;
    const frame = { callId: id, number: this.#number, partBytes: part.length, bytes };
    this.#offset = end === part.length ? 0 : end;
    if (end === part.length) this.#number++;
    return frame;
  }
}

/** The parts that one connection has still to send: a few values take turns, the others wait. */
export class OutgoingParts {
  readonly #waiting = new Set<OutgoingValue>();
  /** Whose turn it is stands first. */
  readonly #turns: OutgoingValue[] = [];
  #creditBytes = PART_CREDIT_BYTES;
  readonly #frameBytes: number;
  /** Of frames that were sent. The credit bounds how many there are. */
  readonly #spare: Uint8Array[] = [];

  /** `frameBytes`: most bytes of a part in one frame. */
  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes;
  }

  add(value: OutgoingValue): void {
    if (this.#turns.length < VALUES_AT_ONCE) this.#turns.push(value);
    else this.#waiting.add(value);
  }

  /** The value whose next frame may be sent now. */
  get first(): OutgoingValue | undefined {
    return this.#creditBytes > 0 ? this.#turns[0] : undefined;
  }

  /** The next frame of the first value, which then stands last, or is done. */
  next(value: OutgoingValue): PartFrame {
    const memory = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#frameBytes);
    const frame = {
      ...value.next(Math.min(this.#frameBytes, this.#creditBytes), memory),
      sent: () => void this.#spare.push(memory),
    };
    this.#creditBytes -= frame.bytes.length;
    this.#turns.shift();
    if (value.isComplete) this.#fill();
    else this.#turns.push(value);
    return frame;
  }

  /** Takes out the value of a call whose caller has gone. Undefined when all of it was sent. */
  withdraw(pending: Pending): OutgoingValue | undefined {
    const index = this.#turns.findIndex((value) => value.pending === pending);
    if (index >= 0) {
      const [value] = this.#turns.splice(index, 1);
      this.#fill();
      return value;
    }
    for (const value of this.#waiting) {
      if (value.pending !== pending) continue;
      this.#waiting.delete(value);
      return value;
    }
    return undefined;
  }

  /** The connection is over: those whose record was never sent. */
  drain(): Pending[] {
    const values = [...this.#turns.splice(0), ...this.#waiting];
    this.#waiting.clear();
    return values.map(({ pending }) => pending);
  }

  /** @throws SnakepitError PROTOCOL for more than was used up */
  grant(bytes: unknown): void {
    const owedBytes = PART_CREDIT_BYTES - this.#creditBytes;
    if (typeof bytes !== "number" || !(bytes >= 0 && bytes <= owedBytes))
      throw protocolError(`credit for parts is ${String(bytes)} bytes, of ${owedBytes} sent`);
    this.#creditBytes += bytes;
  }

  #fill(): void {
    for (const value of this.#waiting) {
      if (this.#turns.length >= VALUES_AT_ONCE) return;
      this.#waiting.delete(value);
      this.#turns.push(value);
    }
  }
}
