import { isUtf8 } from "node:buffer";

const newline = 0x0a;

/** Cuts a stream of bytes into lines. A line of many pieces is put together once, at its end. */
export class LineReader {
  readonly #maxBytes: number;
  readonly #line: (line: Buffer) => void;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(options: { readonly maxBytes: number; line(line: Buffer): void }) {
    this.#maxBytes = options.maxBytes;
    this.#line = options.line;
  }

  /** False when the current line is longer than `maxBytes`: the reader is of no use any more. */
  push(chunk: Buffer): boolean {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(newline, start);
      const piece = chunk.subarray(start, end < 0 ? undefined : end);
      this.#bytes += piece.length;
      if (this.#bytes > this.#maxBytes) return false;
      if (end < 0) {
        if (piece.length > 0) this.#pieces.push(piece);
        return true;
      }
      const line = this.#pieces.length === 0 ? piece : Buffer.concat([...this.#pieces, piece]);
      this.#pieces = [];
      this.#bytes = 0;
      start = end + 1;
      this.#line(line);
    }
  }
}

/** The object that a line holds; undefined when it is anything else, or no UTF-8. */
export function parseObject(line: Buffer): Readonly<Record<string, unknown>> | undefined {
  if (!isUtf8(line)) return undefined;
  try {
    const value: unknown = JSON.parse(line.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined; // no JSON: something printed by mistake
  }
}

/** A line that waits to be written. */
export interface QueuedLine {
  text: string | undefined;
}

/** Beyond this a batch leaves before its tick ends, so that a flood does not pile up in memory. */
const BATCH_CHARACTERS = 256 * 1024;

/**
 * Writes lines, all of one tick at once. While the other side does not read, lines wait here,
 * where they can still be withdrawn.
 */
export class LineWriter {
  readonly #write: (batch: string) => boolean;
  #queue: QueuedLine[] = [];
  #characters = 0;
  #scheduled = false;
  #blocked = false;
  #waiting: (() => void)[] = [];

  /** `write` in place of the output's own, which somebody may have replaced. */
  constructor(
    output: NodeJS.WritableStream,
    write: (batch: string) => boolean = (batch) => output.write(batch),
  ) {
    this.#write = write;
    const unblock = () => {
      this.#blocked = false;
      for (const resume of this.#waiting.splice(0)) resume();
      this.flush();
    };
    output.on("drain", unblock);
    // Nobody reads any more: whoever waits may go on, and hears of it elsewhere.
    output.on("close", unblock);
  }

  /** `text` is one line, without its end. */
  push(text: string): QueuedLine {
    const line: QueuedLine = { text };
    this.#queue.push(line);
    this.#characters += text.length;
    if (this.#characters > BATCH_CHARACTERS) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      process.nextTick(() => this.flush());
    }
    return line;
  }

  /** Takes back a line that has not left yet; false when it has. */
  withdraw(line: QueuedLine): boolean {
    if (line.text === undefined) return false;
    line.text = undefined;
    return true;
  }

  /** Resolves when the other side reads again; undefined when it does. */
  blocked(): Promise<void> | undefined {
    if (!this.#blocked) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#blocked || this.#queue.length === 0) return;
    let batch = "";
    for (const line of this.#queue) {
      if (line.text === undefined) continue;
      batch += `${line.text}\n`;
      line.text = undefined;
    }
    this.#queue = [];
    this.#characters = 0;
    if (batch !== "" && !this.#write(batch)) this.#blocked = true;
  }
}
