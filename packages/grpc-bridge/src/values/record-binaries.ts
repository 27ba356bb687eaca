import { PART_BYTES, SMALLEST_PART_BYTES, valueTooLarge } from "snakepit/wire";

/** Where a record's binaries have so many bytes in all, medium ones leave it, too. */
const manyBytes = 1024 * 1024;

/** Which binaries of the record at hand leave its document, to go ahead of it. */
export class RecordBinaries {
  readonly #maxValueBytes: number;
  readonly #leastPartBytes: number;
  /** Some that could leave were seen. */
  areAny = false;
  #parts: Uint8Array[] | undefined;
  #partsBytes = 0;
  /** Of those that could leave and stay. */
  #inlineBytes = 0;

  /** `maxValueBytes`: most that may leave. Absent: all stay. */
  constructor(maxValueBytes: number | undefined) {
    this.#maxValueBytes = maxValueBytes ?? 0;
    this.#leastPartBytes =
      maxValueBytes === undefined ? Number.POSITIVE_INFINITY : SMALLEST_PART_BYTES;
  }

  /** Those that have left, in order. */
  get parts(): readonly Uint8Array[] | undefined {
    return this.#parts;
  }

  /** Another record begins. */
  clear(): void {
    this.areAny = false;
    this.#parts = undefined;
    this.#partsBytes = 0;
    this.#inlineBytes = 0;
  }

  /** Big ones always; smaller ones when the record they are in would be a large document. */
  leaves({ length }: Uint8Array): boolean {
    if (length < this.#leastPartBytes) return false;
    this.areAny = true;
    if (length >= PART_BYTES || this.#inlineBytes + length > manyBytes) return true;
    this.#inlineBytes += length;
    return false;
  }

  /** The number under which it is to be found. @throws SnakepitError VALUE_TOO_LARGE */
  add(value: Uint8Array): number {
    this.#partsBytes += value.length;
    if (this.#partsBytes > this.#maxValueBytes)
      throw valueTooLarge(this.#partsBytes, this.#maxValueBytes);
    this.#parts ??= [];
    return this.#parts.push(value) - 1;
  }
}
