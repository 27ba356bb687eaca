import type { TraceFrame } from "../adapter.ts";
import type { TracedFrame } from "./protocol.ts";
import { shownValue } from "./shown-value.ts";

/** Frames of one line; what comes beyond them before the line has left is dropped and counted. */
const MOST_WAITING = 1_000;
/** Long enough to gather frames, short enough to look live. */
const GATHER_MS = 50;

export interface TraceFeedOptions {
  readonly values: boolean;
  /** Takes known secrets out of a value. */
  readonly redact?: (text: string) => string;
  /** Resolves when the reader has room for another line. */
  readonly send: (line: TraceLine) => Promise<void>;
}

export interface TraceLine {
  readonly frames: readonly TracedFrame[];
  readonly dropped: number;
}

/**
 * Frames on their way to somebody who watches. Whatever passes, and however slowly it is read, no
 * more than two lines are kept: it is the watching that suffers, and never the application.
 */
export class TraceFeed implements Disposable {
  readonly #options: TraceFeedOptions;
  #frames: TracedFrame[] = [];
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #isSending = false;
  #hasEnded = false;

  constructor(options: TraceFeedOptions) {
    this.#options = options;
  }

  add(frame: TraceFrame): void {
    if (this.#hasEnded) return;
    if (this.#frames.length < MOST_WAITING) this.#frames.push(this.#shown(frame));
    else this.#dropped++;
    this.#arm();
  }

  /** What was gathered leaves at once. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isSending || this.#hasEnded || this.#frames.length === 0) return;
    const line = { frames: this.#frames, dropped: this.#dropped };
    this.#frames = [];
    this.#dropped = 0;
    this.#isSending = true;
    await this.#options.send(line);
    this.#isSending = false;
    if (this.#frames.length > 0) this.#arm();
  }

  [Symbol.dispose](): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#frames = [];
  }

  #arm(): void {
    if (this.#isSending || this.#hasEnded) return;
    this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS).unref();
  }

  #shown({ value, ...frame }: TraceFrame): TracedFrame {
    const atMs = performance.timeOrigin + performance.now();
    const { values, redact = (text: string) => text } = this.#options;
    return { ...frame, atMs, ...(values ? { value: redact(shownValue(value)) } : {}) };
  }
}
