import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Contestant } from "../contestant.ts";
import { startPython, stopPython, whenReady } from "../python-process.ts";

const batchCalls = 256;

interface Codec {
  pack(value: unknown): Buffer;
  unpack(bytes: Uint8Array): unknown;
}

/**
 * The smallest thing that has our two ideas, batches and a window of one: msgpackr on this side,
 * ormsgpack on the other. What ours costs beyond it is the price of being a pool.
 */
export async function openBareSocket(): Promise<Contestant> {
  const { Packr } = await import("msgpackr");
  const codec: Codec = new Packr({ useRecords: false, int64AsType: "number", moreTypes: false });
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${folder}/bare`, resolve));
  const child = startPython("bare_socket.py", [`${folder}/bare`]);
  const dispose = async () => {
    await stopPython(child);
    server.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const connected = new Promise<Socket>((resolve) => server.once("connection", resolve));
    const channel = new BareChannel(await whenReady(child, connected), codec);
    return {
      name: "bare-socket",
      add: (a, b) => channel.add(a, b),
      count: (chunks) => channel.count(chunks),
      [Symbol.asyncDispose]: async () => {
        channel.close();
        await dispose();
      },
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Waiting {
  resolve(sum: number): void;
}

class BareChannel {
  readonly #socket: Socket;
  readonly #codec: Codec;
  /** By id. No Map: under such churn it costs more than the call (see the README). */
  readonly #calls: (Waiting | ChunkQueue | undefined)[] = [];
  readonly #freeIds: number[] = [];
  #held: unknown[][] = [];
  #underWay = 0;
  #isArmed = false;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, codec: Codec) {
    this.#socket = socket;
    this.#codec = codec;
    socket.on("data", (bytes) => this.#read(bytes));
    socket.on("error", () => {}); // the process was ended
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

  close(): void {
    this.#socket.destroy();
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
    const document = this.#codec.pack(batch);
    const header = Buffer.allocUnsafe(4);
    header.writeUInt32BE(document.length);
    this.#socket.write(Buffer.concat([header, document]));
  };

  #read(bytes: Buffer): void {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (rest.length >= 4) {
      const end = 4 + rest.readUInt32BE(0);
      if (rest.length < end) break;
      this.#take(this.#codec.unpack(rest.subarray(4, end)) as [number, number, never][]);
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    if (this.#underWay === 0 && this.#held.length > 0) this.#arm();
  }

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
