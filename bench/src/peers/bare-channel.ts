const batchCalls = 256;

interface Codec {
  pack(value: unknown): Buffer;
  unpack(bytes: Uint8Array): unknown;
}

/** The codec of the bridge, with its settings. */
export async function openCodec(): Promise<Codec> {
  const { Packr } = await import("msgpackr");
  return new Packr({ useRecords: false, int64AsType: "number", moreTypes: false });
}

interface Waiting {
  resolve(sum: number): void;
}

/**
 * The smallest thing that has our two ideas, batches and a window of one: msgpackr on this side,
 * ormsgpack on the other. What ours costs beyond it is the price of being a pool. What carries the
 * documents is the caller's: `send` takes one away, `receive` is told of each that comes.
 */
export class BareChannel {
  readonly #send: (document: Buffer) => void;
  readonly #codec: Codec;
  /** By id. No Map: under such churn it costs more than the call (see the README). */
  readonly #calls: (Waiting | ChunkQueue | undefined)[] = [];
  readonly #freeIds: number[] = [];
  #held: unknown[][] = [];
  #underWay = 0;
  #isArmed = false;

  constructor(codec: Codec, send: (document: Buffer) => void) {
    this.#codec = codec;
    this.#send = send;
  }

  add(a: number, b: number): Promise<number> {
    return new Promise((resolve) => {
      const id = this.#open({ resolve });
      this.#hold([0, id, "add", { a, b }]);
    });
  }

  count(chunks: number): AsyncIterable<unknown> {
    const queue = new ChunkQueue();
    const id = this.#open(queue);
    this.#hold([1, id, "count", { chunks }]);
    return queue;
  }

  receive(document: Uint8Array): void {
    this.#take(this.#codec.unpack(document) as [number, number, never][]);
    if (this.#underWay === 0 && this.#held.length > 0) this.#arm();
  }

  #open(call: Waiting | ChunkQueue): number {
    const id = this.#freeIds.pop() ?? this.#calls.length;
    this.#calls[id] = call;
    return id;
  }

  #hold(record: unknown[]): void {
    this.#held.push(record);
    if (this.#underWay === 0) this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    process.nextTick(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isArmed = false;
    if (this.#underWay > 0 || this.#held.length === 0) return;
    const batch = this.#held.splice(0, batchCalls);
    this.#underWay = batch.length;
    this.#send(this.#codec.pack(batch));
  };

  #take(replies: [kind: number, id: number, value: never][]): void {
    for (const [kind, id, value] of replies) {
      const call = this.#calls[id];
      if (call instanceof ChunkQueue && kind === 1) {
        call.push(value);
        continue;
      }
      this.#calls[id] = undefined;
      this.#freeIds.push(id);
      this.#underWay--;
      if (call instanceof ChunkQueue) call.end();
      else call?.resolve(value);
    }
  }
}

/** Chunks in order; those of one frame are handed over without going back to the event loop. */
class ChunkQueue implements AsyncIterableIterator<unknown> {
  #chunks: unknown[] = [];
  #next = 0;
  #wake: (() => void) | undefined;
  #hasEnded = false;

  push(chunk: unknown): void {
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<unknown>> {
    while (this.#next === this.#chunks.length) {
      if (this.#hasEnded) return { done: true, value: undefined };
      this.#chunks = [];
      this.#next = 0;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return { done: false, value: this.#chunks[this.#next++] };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
