/** Turns batches of records into documents and back. Pure: no I/O, no timers. */
export interface Codec {
  readonly name: string;
  /** One encoder per connection: it owns the buffers that its documents are written into. */
  encoder(options: EncoderOptions): BatchEncoder;
  /**
   * A whole batch: `[acked, record, record, …]`. Objects come back without a prototype, so that
   * `__proto__` is an ordinary key.
   * `parts` has the binaries that came outside the document. What is kept of the document is copied:
   * its memory may be used for the next one.
   * @throws SnakepitError PROTOCOL when the bytes are no such document
   */
  decode(document: Uint8Array, parts?: PartSource): unknown[];
}

/** The binaries of records that came ahead of them. */
export interface PartSource {
  /**
   * Part `number` of the record of this call, whole. Each is asked for once, in order.
   * @throws SnakepitError PROTOCOL when there is none
   */
  take(callId: number, number: number): Uint8Array;
}

export interface EncoderOptions {
  /** Bytes left free in front of each document, for the carrier's own header. */
  readonly headroom: number;
  /** Longest document; a record that cannot fit into one is refused. */
  readonly maxBytes: number;
  /** Most bytes of one record's parts. Absent: all binaries stay in the document. */
  readonly maxValueBytes?: number | undefined;
}

/** A record with big binaries, which are to be sent ahead of it. They are the caller's own memory. */
export interface BigRecord {
  /** `headroom` free bytes, then a document with this record alone. */
  readonly frame: Uint8Array;
  readonly parts: readonly Uint8Array[];
}

/** Gathers one batch at a time: `add` … `add`, `finish`, and again. */
export interface BatchEncoder {
  /** Bytes of the document so far. */
  readonly bytes: number;
  /** Records in the document so far. */
  readonly records: number;
  /**
   * Appends one record. When it throws, the batch is as it was before, so a bad value fails alone;
   * likewise when it returns the record, because parts of it have to be sent first.
   * @throws SnakepitError SERIALIZATION (`details.path` starts at the record's `args`, as in
   * `args.items[3].when`), VALUE_TOO_LARGE
   */
  add(record: readonly unknown[]): BigRecord | undefined;
  /** Closes the batch and returns `headroom` free bytes followed by the document. */
  finish(acked: number): Uint8Array;
}
