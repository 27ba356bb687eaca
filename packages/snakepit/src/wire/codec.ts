/** Turns batches of records into documents and back. Pure: no I/O, no timers. */
export interface Codec {
  readonly name: string;
  /** One encoder per connection: it owns the buffers that its documents are written into. */
  encoder(options: EncoderOptions): BatchEncoder;
  /**
   * A whole batch: `[acked, record, record, …]`. Objects come back without a prototype, so that
   * `__proto__` is an ordinary key.
   * @throws SnakepitError PROTOCOL when the bytes are no such document
   */
  decode(document: Uint8Array): unknown[];
}

export interface EncoderOptions {
  /** Bytes left free in front of each document, for the carrier's own header. */
  readonly headroom: number;
  /** Longest document; a record that cannot fit into one is refused. */
  readonly maxBytes: number;
}

/** Gathers one batch at a time: `add` … `add`, `finish`, and again. */
export interface BatchEncoder {
  /** Bytes of the document so far. */
  readonly bytes: number;
  /** Records in the document so far. */
  readonly records: number;
  /**
   * Appends one record. When it throws, the batch is as it was before, so a bad value fails alone.
   * @throws SnakepitError SERIALIZATION (`details.path` starts at the record's `args`, as in
   * `args.items[3].when`), VALUE_TOO_LARGE
   */
  add(record: readonly unknown[]): void;
  /** Closes the batch and returns `headroom` free bytes followed by the document. */
  finish(acked: number): Uint8Array;
}
