import type { PartSource } from "./codec.ts";
import type { PartHeader } from "./part-frame.ts";
import {
  PART_CREDIT_BYTES,
  PART_FRAME_BYTES,
  SMALLEST_PART_BYTES,
  VALUES_AT_ONCE,
} from "./part-limits.ts";
import { protocolError } from "./pending.ts";

/** The parts of one record, which come one after the other, and before it. */
interface IncomingValue {
  readonly parts: Uint8Array[];
  /** Of the last part. */
  filledBytes: number;
  bytes: number;
  /** How many of them the record has asked for. */
  taken: number;
}

/**
 * The parts that come in over one connection, each straight into the memory in which its reader
 * will find it. Memory is claimed as announced, within the limits, and used as bytes arrive.
 */
export class IncomingParts implements PartSource {
  readonly #maxValueBytes: number;
  readonly #isAwaited: (callId: number) => boolean;
  readonly #values = new Map<number, IncomingValue>();
  /** What came and was not given back as credit. */
  #owedBytes = 0;

  /**
   * `isAwaited`: whether somebody still waits for this call. A worker that has heard of a cancel sends
   * no more parts of it and goes on to other calls, while we have not heard the call's end.
   */
  constructor(maxValueBytes: number, isAwaited: (callId: number) => boolean) {
    this.#maxValueBytes = maxValueBytes;
    this.#isAwaited = isAwaited;
  }

  /**
   * Where the next `bytes` of this part belong; they count as there.
   * @throws SnakepitError PROTOCOL
   */
  place({ callId, number, partBytes }: PartHeader, bytes: number): Uint8Array {
    if (bytes < 1 || bytes > PART_FRAME_BYTES)
      throw protocolError(`a frame holds ${bytes} bytes of a part, not 1 to ${PART_FRAME_BYTES}`);
    this.#owedBytes += bytes;
    if (this.#owedBytes > PART_CREDIT_BYTES)
      throw protocolError(`parts are ${this.#owedBytes} bytes ahead, beyond their credit`);
    const value = this.#values.get(callId) ?? this.#open(callId);
    let part = value.parts[number];
    if (part === undefined) part = this.#begin(value, number, partBytes);
    const begin = value.filledBytes;
    if (number !== value.parts.length - 1 || part.length !== partBytes)
      throw protocolError(`part ${number} of call ${callId} is not the one that was begun`);
    if (begin + bytes > part.length)
      throw protocolError(`part ${number} of call ${callId} is longer than its ${part.length}`);
    value.filledBytes += bytes;
    return part.subarray(begin, begin + bytes);
  }

  #open(callId: number): IncomingValue {
    const awaited = [...this.#values.keys()].filter(this.#isAwaited);
    if (awaited.length >= VALUES_AT_ONCE)
      throw protocolError(`the parts of more than ${VALUES_AT_ONCE} values come at once`);
    const value = { parts: [], filledBytes: 0, bytes: 0, taken: 0 };
    this.#values.set(callId, value);
    return value;
  }

  #begin(value: IncomingValue, number: number, partBytes: number): Uint8Array {
    if (number !== value.parts.length || !isFilled(value))
      throw protocolError(`part ${number} comes before the parts in front of it`);
    if (partBytes < SMALLEST_PART_BYTES)
      throw protocolError(`a part of ${partBytes} bytes belongs into its document`);
    value.bytes += partBytes;
    if (value.bytes > this.#maxValueBytes)
      throw protocolError(`a value of ${value.bytes} bytes is above ${this.#maxValueBytes}`);
    const part = new Uint8Array(partBytes);
    value.parts.push(part);
    value.filledBytes = 0;
    return part;
  }

  /** Whether enough has come to give credit back. */
  get isCreditDue(): boolean {
    return this.#owedBytes >= PART_CREDIT_BYTES / 2;
  }

  /** The credit to give back, which is thereby given. */
  takeCredit(): number {
    const bytes = this.#owedBytes;
    this.#owedBytes = 0;
    return bytes;
  }

  take(callId: number, number: number): Uint8Array {
    const value = this.#values.get(callId);
    const part = value?.parts[number];
    if (value === undefined || part === undefined || number !== value.taken || !isFilled(value))
      throw protocolError(`a record names part ${number} of call ${callId}, which has not come`);
    value.taken++;
    return part;
  }

  /**
   * A record of this call has come. An error may come in place of what its parts were for.
   * @throws SnakepitError PROTOCOL when another one leaves parts over
   */
  conclude(callId: number, isError: boolean): void {
    const value = this.#values.get(callId);
    if (value === undefined) return;
    this.#values.delete(callId);
    if (!isError && value.taken < value.parts.length)
      throw protocolError(`a record of call ${callId} does not name all parts that came for it`);
  }
}

function isFilled({ parts, filledBytes }: IncomingValue): boolean {
  const last = parts.at(-1);
  return last === undefined || last.length === filledBytes;
}
