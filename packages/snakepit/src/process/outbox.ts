import type { Framing, Payload } from "./framing.ts";

/** A message that waits to be written; without its payload it has left or was withdrawn. */
export interface Outgoing {
  payload: Payload | undefined;
}

/** Beyond this a batch leaves before its tick ends, so that a flood does not pile up in memory. */
const BATCH_BYTES = 256 * 1024;
const BATCH_MESSAGES = 256;

/**
 * Writes messages, all of one tick at once. While the other side does not read, messages wait here,
 * where they can still be withdrawn.
 */
export class Outbox {
  /** Whether the other side reads arrays of messages. */
  batching = false;
  readonly #framing: Framing;
  readonly #write: (bytes: Payload) => boolean;
  #queue: Outgoing[] = [];
  /** Characters of text count as bytes: it is a measure, no limit. */
  #size = 0;
  #scheduled = false;
  #blocked = false;
  #waiting: (() => void)[] = [];

  /** `write` in place of the output's own, which somebody may have replaced. */
  constructor(
    framing: Framing,
    output: NodeJS.WritableStream,
    write: (bytes: Payload) => boolean = (bytes) => output.write(bytes),
  ) {
    this.#framing = framing;
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

  push(payload: Payload): Outgoing {
    const outgoing: Outgoing = { payload };
    this.#queue.push(outgoing);
    this.#size += payload.length;
    if (this.#size > BATCH_BYTES) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      process.nextTick(() => this.flush());
    }
    return outgoing;
  }

  /** Takes back a message that has not left yet; false when it has. */
  withdraw(outgoing: Outgoing): boolean {
    if (outgoing.payload === undefined) return false;
    outgoing.payload = undefined;
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
    const payloads = this.#takeAll();
    if (payloads.length === 0) return;
    const documents = this.batching ? this.#batches(payloads) : payloads;
    if (!this.#write(this.#framing.frame(documents))) this.#blocked = true;
  }

  #takeAll(): Payload[] {
    const payloads: Payload[] = [];
    for (const outgoing of this.#queue) {
      if (outgoing.payload === undefined) continue;
      payloads.push(outgoing.payload);
      outgoing.payload = undefined;
    }
    this.#queue = [];
    this.#size = 0;
    return payloads;
  }

  /** In order, each within the bounds of a batch; a message above them is on its own. */
  #batches(payloads: readonly Payload[]): Payload[] {
    const documents: Payload[] = [];
    let start = 0;
    let size = 0;
    for (const [index, payload] of payloads.entries()) {
      const isFull = index - start === BATCH_MESSAGES || size + payload.length > BATCH_BYTES;
      if (isFull && index > start) {
        documents.push(this.#document(payloads.slice(start, index)));
        start = index;
        size = 0;
      }
      size += payload.length;
    }
    documents.push(this.#document(payloads.slice(start)));
    return documents;
  }

  #document(messages: readonly Payload[]): Payload {
    const [only] = messages;
    return messages.length === 1 && only !== undefined ? only : this.#framing.codec.batch(messages);
  }
}
