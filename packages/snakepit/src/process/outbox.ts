import { type Linked, LinkedList } from "../linked-list.ts";
import type { Framing, Payload } from "./framing.ts";

/** A message that waits to be written. */
export interface Outgoing extends Linked<Outgoing> {
  readonly payload: Payload;
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
  readonly #queue = new LinkedList<Outgoing>();
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
    const outgoing: Outgoing = { payload, list: undefined, next: undefined, previous: undefined };
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
    return this.#queue.delete(outgoing);
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
    if (this.#blocked || this.#queue.size === 0) return;
    const payloads = this.#queue.drain().map(({ payload }) => payload);
    this.#size = 0;
    const { codec } = this.#framing;
    const documents = this.batching
      ? groups(payloads).map((group) => (group.length === 1 ? one(group) : codec.batch(group)))
      : payloads;
    if (!this.#write(this.#framing.frame(documents))) this.#blocked = true;
  }
}

/** In order, each within the bounds of a batch; a message above them is a group of its own. */
function groups(payloads: readonly Payload[]): Payload[][] {
  const all: Payload[][] = [];
  let group: Payload[] = [];
  let size = 0;
  for (const payload of payloads) {
    const full = group.length === BATCH_MESSAGES || size + payload.length > BATCH_BYTES;
    if (group.length === 0 || full) {
      group = [];
      size = 0;
      all.push(group);
    }
    group.push(payload);
    size += payload.length;
  }
  return all;
}

function one(group: readonly Payload[]): Payload {
  return group[0] as Payload;
}
