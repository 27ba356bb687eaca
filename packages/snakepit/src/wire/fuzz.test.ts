import fc from "fast-check";
import { expect, test } from "vitest";
import { SnakepitError } from "../errors.ts";
import { callContext } from "../fixtures/call-context.ts";
import { Channel } from "./channel.ts";
import { readings, StubSocket } from "./fixture-stub-socket.ts";
import { framed } from "./fixture-worker.ts";
import { jsonCodec } from "./json-codec.ts";
import type { Transport, TransportListener } from "./transport.ts";

/** The same cases in every run: a failure that cannot be repeated helps nobody. */
const options = { seed: 20_261_121, numRuns: 500 };
const maxFrameBytes = 4_096;

interface Framing {
  readonly frames: Buffer[];
  readonly faults: (Error | undefined)[];
  feed(bytes: Buffer, cuts: readonly number[]): void;
  hangUp(): void;
}

function framing(reading: (typeof readings)[number], mostBytes = maxFrameBytes): Framing {
  const socket = new StubSocket(reading);
  const frames: Buffer[] = [];
  const faults: (Error | undefined)[] = [];
  socket.transport(mostBytes).listen({
    frame: (document) => frames.push(Buffer.from(document)),
    drained: () => {},
    closed: (error) => faults.push(error),
  });
  return {
    frames,
    faults,
    feed: (bytes, cuts) => socket.feed(bytes, cuts),
    hangUp: () => socket.destroy(),
  };
}

const cuts = fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 40 });

/** Frames that come in many reads. */
const longOptions = { ...options, numRuns: 100 };
const longestFrameBytes = 200 * 1024;
/** No two places in it look alike. */
const pattern = Buffer.from(
  Uint32Array.from({ length: longestFrameBytes }, (_, n) => Math.imul(n, 2_654_435_761)).buffer,
);
const longDocument = fc
  .tuple(
    fc.oneof(fc.integer({ min: 0, max: longestFrameBytes }), fc.nat(900)),
    fc.nat(longestFrameBytes),
  )
  .map(([bytes, from]) => pattern.subarray(from, from + bytes));
const wideCuts = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 150_000 })),
  { maxLength: 40 },
);

test.each(readings)(
  "frames come out as they went in, wherever the stream is cut (%s)",
  (reading) => {
    const documents = fc.array(fc.uint8Array({ maxLength: 900 }), { maxLength: 8 });
    fc.assert(
      fc.property(documents, cuts, (sent, at) => {
        const { frames, faults, feed, hangUp } = framing(reading);
        feed(Buffer.concat(sent.map(framed)), at);
        hangUp();
        expect(frames).toEqual(sent.map((document) => Buffer.from(document)));
        expect(faults).toEqual([undefined]);
      }),
      options,
    );
  },
);

test.each(readings)(
  "long frames and short ones come out as they went in, wherever the stream is cut (%s)",
  (reading) => {
    fc.assert(
      fc.property(fc.array(longDocument, { maxLength: 8 }), wideCuts, (sent, at) => {
        const { frames, faults, feed, hangUp } = framing(reading, longestFrameBytes);
        feed(Buffer.concat(sent.map(framed)), at);
        hangUp();
        expect(frames.map((frame) => frame.length)).toEqual(sent.map(({ length }) => length));
        for (const [index, frame] of frames.entries())
          expect(frame.equals(sent[index] as Buffer), `frame ${index}`).toBe(true);
        expect(faults).toEqual([undefined]);
      }),
      longOptions,
    );
  },
);

test.each(readings)(
  "a stream that ends in a long frame, or has one above the limit, is a fault (%s)",
  (reading) => {
    fc.assert(
      fc.property(
        fc.array(longDocument, { maxLength: 4 }),
        fc.integer({ min: 0, max: 2 * longestFrameBytes }),
        wideCuts,
        (sent, length, at) => {
          const { frames, faults, feed, hangUp } = framing(reading, longestFrameBytes);
          const header = Buffer.alloc(4);
          header.writeUInt32BE(length + 1);
          feed(Buffer.concat([...sent.map(framed), header, Buffer.alloc(length)]), at);
          hangUp();
          expect(frames.map((frame) => frame.length)).toEqual(sent.map((one) => one.length));
          expect(faults).toHaveLength(1);
          expect(SnakepitError.is(faults[0], "PROTOCOL")).toBe(true);
        },
      ),
      longOptions,
    );
  },
);

test.each(readings)(
  "any bytes end in frames within the limit, and a stream cut in a frame is a fault (%s)",
  (reading) => {
    const noise = fc.uint8Array({ maxLength: 3_000 });
    // Headers whose length is believable, or the rest would hardly ever be read.
    const believable = fc
      .array(fc.tuple(fc.integer({ min: 0, max: 5_000 }), fc.uint8Array({ maxLength: 2_000 })))
      .map((parts) =>
        Buffer.concat(
          parts.flatMap(([length, bytes]) => [
            Buffer.from([0, 0, length >> 8, length & 255]),
            bytes,
          ]),
        ),
      );
    fc.assert(
      fc.property(fc.oneof(noise, believable), cuts, (bytes, at) => {
        const { frames, faults, feed, hangUp } = framing(reading);
        feed(Buffer.from(bytes), at);
        hangUp();
        let taken = 0;
        for (const frame of frames) {
          expect(frame.length).toBeLessThanOrEqual(maxFrameBytes);
          taken += 4 + frame.length;
        }
        const [fault] = faults;
        if (taken === bytes.length) expect(fault).toBeUndefined();
        else expect(SnakepitError.is(fault, "PROTOCOL")).toBe(true);
      }),
      options,
    );
  },
);

/** JSON as a confused or hostile worker might write it. */
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -0, 1.5, 2 ** 53, -1),
    fc.string(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc
      .array(
        fc.tuple(
          fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "then", "toJSON")),
          tie("value"),
        ),
        { maxLength: 4 },
      )
      .map((entries) => Object.fromEntries(entries)),
  ),
})).value;

function prototypesOf(value: unknown, found: Set<unknown>): void {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) found.add(Object.getPrototypeOf(value));
  for (const key of Object.keys(value))
    prototypesOf((value as Record<string, unknown>)[key], found);
}

test("a JSON document is a batch of plain data, or refused with PROTOCOL", () => {
  const written = fc.oneof(
    fc.array(json).map((batch) => JSON.stringify(batch)),
    fc
      .tuple(fc.nat(3), fc.array(fc.array(json)))
      .map(([acked, records]) => JSON.stringify([acked, ...records])),
    fc.tuple(json, fc.nat(), fc.string()).map(([value, at, noise]) => {
      const text = JSON.stringify([0, [0, 1, value]]);
      return text.slice(0, at % text.length) + noise + text.slice(at % text.length);
    }),
  );
  const documents = fc.oneof(
    written.map((text) => Buffer.from(text)),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );
  let accepted = 0;
  fc.assert(
    fc.property(documents, (document) => {
      let batch: unknown[];
      try {
        batch = jsonCodec.decode(document);
      } catch (error) {
        if (!SnakepitError.is(error, "PROTOCOL")) throw error;
        return;
      }
      accepted++;
      const [acked, ...records] = batch;
      expect(Number.isSafeInteger(acked)).toBe(true);
      const prototypes = new Set<unknown>();
      for (const record of records) {
        expect(Array.isArray(record)).toBe(true);
        prototypesOf(record, prototypes);
      }
      expect([...prototypes].filter((prototype) => prototype !== null)).toEqual([]);
    }),
    { ...options, numRuns: 2_000 },
  );
  expect(accepted).toBeGreaterThan(200);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("a document nested as deep as it is long is refused, not recursed into", () => {
  const document = Buffer.from(`[0,${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}]`);
  expect(() => jsonCodec.decode(document)).toThrow("nests deeper");
});

/** Hands documents to a channel as a socket would, and keeps what the channel sends. */
class StubTransport implements Transport {
  readonly name = "stub";
  readonly headroom = 0;
  readonly partFrameBytes = 1_000;
  readonly batches: unknown[][] = [];
  closes = 0;
  listener!: TransportListener;

  listen(listener: TransportListener): void {
    this.listener = listener;
  }
  sendPart(): boolean {
    throw new Error("JSON has no parts");
  }
  send(frame: Uint8Array): boolean {
    this.batches.push(JSON.parse(Buffer.from(frame).toString()));
    return true;
  }
  close(): void {
    this.closes++;
    queueMicrotask(() => this.listener.closed());
  }
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

interface Made {
  readonly command: string;
  /** What its caller has got: for a stream, chunk by chunk. */
  readonly got: unknown[];
  cancel(): void;
}

interface Open {
  readonly id: number;
  readonly kind: number;
  readonly command: string;
}

/** Which calls are open under which id, as a worker that is in its senses knows it. */
class Ledger {
  readonly open = new Map<number, Open>();
  readonly #transport: StubTransport;
  #read = 0;

  constructor(transport: StubTransport) {
    this.#transport = transport;
  }

  /** Takes in what was sent since the last look; returns the number of batches. */
  look(): number {
    const news = this.#transport.batches.slice(this.#read);
    this.#read += news.length;
    for (const [, ...records] of news as [number, ...[number, number, string?][]][]) {
      for (const [kind, id, command = "ping"] of records)
        if (kind === 0 || kind === 1 || kind === 4) this.open.set(id, { id, kind, command });
    }
    return news.length;
  }
}

const goodAnswers: Readonly<Record<number, readonly number[]>> = {
  0: [0, 1],
  1: [2, 2, 3, 1],
  4: [4],
};

function make(channel: Channel, kind: "call" | "stream" | "ping", command: string): Made {
  const context = callContext();
  const got: unknown[] = [];
  const read = async () => {
    if (kind === "ping") await channel.ping(context);
    else if (kind === "call") got.push(await channel.execute(command, null, context));
    else for await (const chunk of channel.stream(command, null, context)) got.push(chunk);
  };
  read().catch(() => {}); // many are answered by errors
  return { command, got, cancel: () => context.cancel() };
}

function seldom<Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> {
  return fc.oneof({ weight: 30, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
}

const wild = fc.record({
  kind: fc.oneof(fc.integer({ min: 0, max: 9 }), json),
  id: fc.oneof(fc.integer({ min: -1, max: 6 }), json),
  rest: fc.array(json, { maxLength: 3 }),
});

const step = fc.record({
  calls: fc.array(fc.constantFrom<"call" | "stream" | "ping">("call", "stream", "ping"), {
    maxLength: 4,
  }),
  cancels: fc.array(fc.nat(), { maxLength: 2 }),
  wrongAcks: seldom(fc.nat(3)),
  /** Which open call, and in which of the ways that are open to it. */
  good: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 5 }),
  wild: seldom(wild),
  noise: seldom(fc.uint8Array({ maxLength: 40 })),
});

test("a channel gives nobody another call's answer, whatever records come", async () => {
  const seen = { answers: 0, faults: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
      const transport = new StubTransport();
      const channel = new Channel(transport, jsonCodec, { workerId: "w1", maxFrameBytes: 100_000 });
      const ledger = new Ledger(transport);
      const made: Made[] = [];
      const sent = new Map<string, number>();
      for (const { calls, cancels, wrongAcks, good, wild: bad, noise } of steps) {
        for (const kind of calls) made.push(make(channel, kind, `call ${made.length}`));
        for (const which of cancels) made[which % made.length]?.cancel();
        await nextTurn();
        const batches = ledger.look();
        const records: unknown[][] = [];
        for (const [which, how] of good) {
          const open = [...ledger.open.values()];
          const call = open[which % open.length];
          if (call === undefined) break;
          const ways = goodAnswers[call.kind] ?? [];
          const kind = ways[how % ways.length];
          // Every answer says for whom it is.
          records.push([kind, call.id, { for: call.command }, 1]);
          if (kind === 0 || kind === 2) sent.set(call.command, (sent.get(call.command) ?? 0) + 1);
          if (kind !== 2) ledger.open.delete(call.id);
        }
        if (bad !== null) {
          const owner = ledger.open.get(bad.id as number)?.command ?? null;
          records.push([bad.kind, bad.id, { for: owner }, ...bad.rest]);
        }
        const document = JSON.stringify([wrongAcks ?? batches, ...records]);
        transport.listener.frame(noise ?? Buffer.from(document));
        await nextTurn();
      }
      for (const { command, got } of made) {
        for (const value of got) expect(value).toEqual({ for: command });
        seen.answers += got.length;
      }
      expect(transport.closes).toBeLessThanOrEqual(1);
      // A wild record may happen to be a good one, so that one more was answered.
      if (steps.every((one) => one.wild === null && one.noise === null && one.wrongAcks === null)) {
        expect(transport.closes).toBe(0);
        for (const { command, got } of made) expect(got).toHaveLength(sent.get(command) ?? 0);
      }
      if (transport.closes === 0) return;
      expect(SnakepitError.is(await channel.closed, "PROTOCOL")).toBe(true);
      seen.faults++;
    }),
    options,
  );
  expect(seen.answers).toBeGreaterThan(1_000);
  expect(seen.faults).toBeGreaterThan(100);
});
