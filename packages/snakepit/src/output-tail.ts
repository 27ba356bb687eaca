/** How much of a worker's last words is kept: enough for a long stack trace. */
export const TAIL_BYTES = 64 * 1024;

const newline = 0x0a;

/**
 * The last bytes of an output, however much is written. A fixed ring, so a flood costs a copy and
 * never memory.
 */
export class OutputTail {
  readonly #limit: number;
  /** Made at the first write: most workers are silent. */
  #ring: Buffer | undefined;
  #end = 0;
  #length = 0;
  #overflowed = false;

  constructor(limitBytes = TAIL_BYTES) {
    this.#limit = limitBytes;
  }

  push(chunk: Uint8Array): void {
    this.#ring ??= Buffer.alloc(this.#limit);
    const kept = chunk.length > this.#limit ? chunk.subarray(-this.#limit) : chunk;
    const untilEdge = Math.min(kept.length, this.#limit - this.#end);
    this.#ring.set(kept.subarray(0, untilEdge), this.#end);
    this.#ring.set(kept.subarray(untilEdge), 0);
    this.#end = (this.#end + kept.length) % this.#limit;
    if (this.#length + chunk.length > this.#limit) this.#overflowed = true;
    this.#length = Math.min(this.#limit, this.#length + chunk.length);
  }

  /**
   * At most the last `maxBytes` as text, beginning at the start of a line where there is one.
   * Bytes that are no UTF-8, and NUL, become U+FFFD.
   */
  text(maxBytes = this.#limit): string {
    if (this.#ring === undefined || maxBytes <= 0) return "";
    const start = (this.#end - this.#length + this.#limit) % this.#limit;
    const all = Buffer.concat([
      this.#ring.subarray(start, Math.min(start + this.#length, this.#limit)),
      this.#ring.subarray(0, Math.max(0, start + this.#length - this.#limit)),
    ]);
    const cut = this.#overflowed || all.length > maxBytes;
    const tail = all.subarray(-maxBytes);
    return (cut ? fromLineStart(tail) : tail).toString("utf8").replaceAll("\0", "\uFFFD");
  }
}

/** Drops the broken first line, or only the broken first character when there is no other line. */
function fromLineStart(tail: Buffer): Buffer {
  const lineEnd = tail.indexOf(newline);
  if (lineEnd >= 0 && lineEnd < tail.length - 1) return tail.subarray(lineEnd + 1);
  let start = 0;
  // UTF-8 continues a character with at most three bytes of the form 10xxxxxx.
  while (start < 3 && ((tail[start] ?? 0) & 0xc0) === 0x80) start++;
  return tail.subarray(start);
}
