import type { SnakepitError } from "snakepit";
import { type EncoderOptions, tooLarge } from "snakepit/wire";

/** Frames are cut from slabs of this size, so that a frame costs no allocation of its own. */
const slabBytes = 256 * 1024;
/** A batch of 256 small calls takes about 8 KiB: with less than that left, a new slab is cheaper. */
const slabRestBytes = 16 * 1024;
/** The array header and the acknowledgement, at most 5 bytes each; written last, right-aligned. */
const headerBytes = 10;
/** An array of two: the acknowledgement, which is 0, and the one record. */
const aloneHeader = [0x92, 0x00];
/** Room that is there before each step: a key of up to 20 ASCII characters and a number, or less. */
const stepBytes = 128;

/**
 * The memory that batches are written into, one after the other: a slab that a batch leaves for a
 * larger one where it does not fit. Whoever writes keeps to steps of at most 128 bytes, each behind
 * `ensureStep`, or asks with `reserve`. Places are counted from `start`, since a batch may move.
 * The encoder extends it: as an object of its own it made small calls 8 % slower to encode.
 */
export class BatchBuffer {
  slab!: Buffer;
  /** The same memory, for numbers. */
  view!: DataView;
  /** Where the next byte goes. */
  position = 0;
  /** Where the records of this batch begin. The header goes in front of it, then the headroom. */
  start = 0;
  /** A step that begins behind this has to ask `reserve`: slab or document may be full. */
  #stepEnd = 0;
  readonly #headroom: number;
  readonly #maxBytes: number;
  /** For the message of an error: what may go beside a document. */
  readonly #maxValueBytes: number | undefined;

  constructor({ headroom, maxBytes, maxValueBytes }: EncoderOptions) {
    this.#headroom = headroom;
    this.#maxBytes = maxBytes;
    this.#maxValueBytes = maxValueBytes;
    this.#use(Buffer.allocUnsafeSlow(slabBytes));
    this.#openBatch(0);
  }

  /** Counts the header at its longest, so the finished document may be 8 bytes shorter. */
  get bytes(): number {
    return this.position - this.start + headerBytes;
  }

  /** @throws SnakepitError VALUE_TOO_LARGE */
  ensureStep(): void {
    if (this.position > this.#stepEnd) this.reserve(0);
  }

  /** Whether so many bytes may be written without asking `reserve`. */
  fits(bytes: number): boolean {
    return this.position + bytes <= this.#stepEnd;
  }

  /**
   * Makes room for `bytes`, which is known to be needed, and one step more.
   * @throws SnakepitError VALUE_TOO_LARGE
   */
  reserve(bytes: number): void {
    if (this.bytes + bytes > this.#maxBytes) throw this.#tooLarge(bytes);
    if (this.position + bytes + stepBytes <= this.slab.length) return;
    // The batch moves to a new slab; frames that were cut from the old one are still on their way.
    // Doubling bounds what is copied in all.
    const begin = this.start - headerBytes - this.#headroom;
    const needed = this.position - begin + bytes + stepBytes;
    const slab = Buffer.allocUnsafeSlow(needed > slabBytes ? 2 * needed : slabBytes);
    this.slab.copy(slab, 0, begin, this.position);
    this.#use(slab);
    this.start -= begin;
    this.position -= begin;
    this.#setStepEnd();
  }

  /** The last step may have gone beyond the limit. @throws SnakepitError VALUE_TOO_LARGE */
  checkDocument(): void {
    if (this.bytes > this.#maxBytes) throw this.#tooLarge(0);
  }

  #tooLarge(bytes: number): SnakepitError {
    return tooLarge(this.bytes + bytes, this.#maxBytes, this.#maxValueBytes);
  }

  /** What was written since `before` leaves the batch, as the frame of a batch of its own. */
  takeOut(before: number): Uint8Array {
    const begin = this.start + before;
    const record = this.slab.subarray(begin, this.position);
    const frame = Buffer.allocUnsafe(this.#headroom + aloneHeader.length + record.length);
    frame.set(aloneHeader, this.#headroom);
    frame.set(record, this.#headroom + aloneHeader.length);
    this.position = begin;
    return frame;
  }

  /** Closes the batch and opens the next one. The frame: the headroom, then `begin` to `end`. */
  cut(begin: number, end: number): Uint8Array {
    const frame = this.slab.subarray(begin - this.#headroom, end);
    // A slab that grew for a large batch is let go with it: small frames would keep all of it.
    const reusable = this.slab.length === slabBytes && end + slabRestBytes <= slabBytes;
    if (!reusable) this.#use(Buffer.allocUnsafeSlow(slabBytes));
    this.#openBatch(reusable ? end : 0);
    return frame;
  }

  #use(slab: Buffer): void {
    this.slab = slab;
    this.view = new DataView(slab.buffer, slab.byteOffset, slab.length);
  }

  #openBatch(begin: number): void {
    this.start = this.position = begin + this.#headroom + headerBytes;
    this.#setStepEnd();
  }

  #setStepEnd(): void {
    const documentEnd = this.start - headerBytes + this.#maxBytes;
    this.#stepEnd = Math.min(this.slab.length - stepBytes, documentEnd);
  }
}
