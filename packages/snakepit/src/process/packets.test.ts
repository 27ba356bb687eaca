import { encode } from "@msgpack/msgpack";
import { describe, expect, test } from "vitest";
import type { Message, MessageCodec } from "./framing.ts";
import { jsonMessages } from "./json-messages.ts";
import { loadMessagePack } from "./message-pack.ts";
import { PacketReader, packets } from "./packets.ts";

const messagePack = await loadMessagePack();
const codecs: [string, MessageCodec][] = [
  ["JSON", jsonMessages],
  ["MessagePack", messagePack],
];
const maxBytes = 4_096;

function reading(codec: MessageCodec) {
  const messages: Message[] = [];
  const reader = new PacketReader(
    codec,
    {
      message: (message) => messages.push(message),
      noise: () => {
        throw new Error("packets know no noise");
      },
    },
    maxBytes,
  );
  return { messages, push: (bytes: Uint8Array) => reader.push(Buffer.from(bytes)) };
}

function framed(codec: MessageCodec, ...messages: Message[]): Buffer {
  const documents = messages.map((message) => codec.encode(message));
  return packets(codec).frame(documents) as Buffer;
}

function header(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

describe.for(codecs)("packets of %s", ([, codec]) => {
  const sent = [{ a: "ü😀" }, { b: [1, null, -1.5] }, { c: "x".repeat(300) }];

  test("give the same messages however the bytes were cut", () => {
    const bytes = framed(codec, ...sent);
    for (let size = 1; size <= bytes.length; size++) {
      const { messages, push } = reading(codec);
      for (let start = 0; start < bytes.length; start += size) {
        expect(push(bytes.subarray(start, start + size))).toBeUndefined();
      }
      expect(messages).toEqual(sent);
    }
  });

  test("may hold an array of messages", () => {
    const many = Array.from({ length: 40 }, (_, n) => ({ n }));
    const batch = codec.batch(many.map((message) => codec.encode(message)));
    const { messages, push } = reading(codec);
    expect(push(packets(codec).frame([batch]) as Buffer)).toBeUndefined();
    expect(messages).toEqual(many);
  });

  test("end the stream when they are too long, empty or no message", () => {
    const cases: [Uint8Array, string][] = [
      [header(maxBytes + 1), "wrote a packet of 4097 bytes, and 4096 are allowed"],
      [header(0), "wrote a packet of 0 bytes"],
      [Buffer.concat([header(3), Buffer.from([0xff, 0xfe, 0xc1])]), "cannot be read"],
      ...["5", "[]", "[5]", "[[]]"].map((text): [Uint8Array, string] => {
        const value: unknown = JSON.parse(text);
        const document = codec === jsonMessages ? Buffer.from(text) : encode(value);
        return [
          Buffer.concat([header(document.length), document]),
          "wrote a packet that is no message",
        ];
      }),
    ];
    for (const [bytes, problem] of cases) {
      const { messages, push } = reading(codec);
      expect(push(framed(codec, { first: 1 }))).toBeUndefined();
      expect(push(bytes)).toContain(problem);
      expect(messages).toEqual([{ first: 1 }]);
    }
  });

  test("that are printed text are called by that name", () => {
    expect(reading(codec).push(Buffer.from("Traceback\n"))).toContain(
      'it looks like printed text: "Trac"',
    );
  });

  test("survive whatever bytes come, with a fixed seed", () => {
    const random = mulberry32(20_260_101);
    let read = 0;
    let refused = 0;
    for (let round = 0; round < 3_000; round++) {
      const bytes = damaged(framed(codec, ...sent, { round }), random);
      const { messages, push } = reading(codec);
      let fault: string | undefined;
      for (let start = 0; start < bytes.length && fault === undefined; ) {
        const size = 1 + Math.floor(random() * 200);
        fault = push(bytes.subarray(start, start + size));
        start += size;
      }
      read += messages.length;
      for (const message of messages) expect(typeof message).toBe("object");
      if (fault !== undefined) {
        refused++;
        expect(fault).toMatch(/^wrote a packet /);
      }
    }
    // Both ends are reached often, or the damage is not the right one.
    expect(read).toBeGreaterThan(3_000);
    expect(refused).toBeGreaterThan(1_000);
  });

  test("of nothing but random bytes end the stream or wait for more", () => {
    const random = mulberry32(7);
    for (let round = 0; round < 3_000; round++) {
      const payload = Buffer.from(Array.from({ length: 60 }, () => Math.floor(random() * 256)));
      const { messages, push } = reading(codec);
      const fault = push(Buffer.concat([header(payload.length), payload]));
      expect(fault !== undefined || messages.length > 0).toBe(true);
    }
  });
});

/** Cuts the end off, changes bytes, repeats or removes a piece. */
function damaged(bytes: Buffer, random: () => number): Buffer {
  const at = () => Math.floor(random() * bytes.length);
  switch (Math.floor(random() * 4)) {
    case 0:
      return bytes.subarray(0, at());
    case 1: {
      const copy = Buffer.from(bytes);
      for (let n = 0; n < 3; n++) copy[at()] = Math.floor(random() * 256);
      return copy;
    }
    case 2: {
      const cut = at();
      return Buffer.concat([bytes.subarray(0, cut), bytes.subarray(Math.min(cut, at()))]);
    }
    default: {
      const cut = at();
      return Buffer.concat([bytes.subarray(0, cut), bytes.subarray(cut + Math.ceil(random() * 9))]);
    }
  }
}

/** A small generator of numbers that are the same in every run. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
