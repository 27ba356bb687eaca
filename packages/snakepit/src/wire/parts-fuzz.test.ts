import fc from "fast-check";
import { expect, test } from "vitest";
import { SnakepitError } from "../errors.ts";
import { callContext } from "../fixtures/call-context.ts";
import { Channel } from "./channel.ts";
import { partCodec } from "./fixture-part-codec.ts";
import { readings, StubSocket } from "./fixture-stub-socket.ts";
import { framed, partFrame } from "./fixture-worker.ts";

/** The same cases in every run: a failure that cannot be repeated helps nobody. */
const options = { seed: 20_261_121, numRuns: 400 };
const KiB = 1024;
const maxValueBytes = 400 * KiB;
const maxFrameBytes = 100_000;

function document(records: readonly unknown[]): Buffer {
  return framed(JSON.stringify([0, ...records]));
}

/** A value of one part as a good worker sends it, cut into frames. */
function goodAnswer(callId: number, partBytes: number, frameBytes: number): Buffer {
  const frames: Buffer[] = [];
  for (let begin = 0; begin < partBytes; begin += frameBytes) {
    const bytes = Buffer.alloc(Math.min(frameBytes, partBytes - begin), callId);
    frames.push(partFrame(callId, 0, partBytes, bytes));
  }
  return Buffer.concat([...frames, document([[0, callId, { part: [callId, 0] }]])]);
}

const calls = 12;
const callId = fc.integer({ min: 0, max: calls + 1 });
const size = fc.oneof(
  fc.integer({ min: 0, max: 500 * KiB }),
  fc.constantFrom(0, 64 * KiB, 2 ** 31, 2 ** 32, 2 ** 53),
);
const good = fc
  .tuple(fc.integer({ min: 64 * KiB, max: 200 * KiB }), fc.integer({ min: 8 * KiB, max: 99_000 }))
  .map(([partBytes, frameBytes]) => ({ partBytes, frameBytes }));
const bad = fc.oneof(
  fc
    .tuple(callId, fc.nat(3), size, fc.integer({ min: 0, max: 3_000 }))
    .map(([id, number, partBytes, length]) =>
      partFrame(id, number, partBytes, Buffer.alloc(length)),
    ),
  fc
    .tuple(callId, callId, fc.nat(2))
    .map(([id, of, number]) => document([[0, id, { part: [of, number] }]])),
  fc.tuple(callId, fc.nat(8)).map(([id, kind]) => document([[kind, id, 5]])),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.concat([Buffer.from([0x80, 0]), bytes])),
);
const cuts = fc.array(fc.integer({ min: 1, max: 50_000 }), { maxLength: 40 });

test.each(readings)(
  "whatever parts come, answers are whole or the connection ends, and nothing else happens (%s)",
  async (reading) => {
    const seen = { whole: 0, faults: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(good, { maxLength: 6 }),
        fc.option(bad, { freq: 3 }),
        fc.nat(6),
        cuts,
        async (values, spoiler, place, at) => {
          const socket = new StubSocket(reading);
          const channel = new Channel(socket.transport(maxFrameBytes), partCodec, {
            workerId: "w",
            maxFrameBytes,
            maxValueBytes,
          });
          const answers = Array.from({ length: calls }, () =>
            channel.execute("give", null, callContext()).then(
              (value) => value,
              (error: unknown) => error,
            ),
          );
          await new Promise(setImmediate);
          const frames = values.map(({ partBytes, frameBytes }, index) =>
            goodAnswer(index + 1, partBytes, frameBytes),
          );
          if (spoiler !== null) frames.splice(place, 0, spoiler);
          socket.feed(Buffer.concat(frames), at);
          await new Promise(setImmediate);
          socket.destroy();
          const fault = await channel.closed;
          if (fault !== undefined) {
            expect(SnakepitError.is(fault, "PROTOCOL"), String(fault)).toBe(true);
            seen.faults++;
          }
          for (const [index, { partBytes }] of values.entries()) {
            const value = await Promise.race([answers[index], Promise.resolve(undefined)]);
            if (!(value instanceof Uint8Array)) {
              // Only what came behind the spoiler may be missing.
              expect(spoiler).not.toBeNull();
              continue;
            }
            seen.whole++;
            if (value.length === partBytes && value[0] === index + 1) {
              expect(value.every((byte) => byte === index + 1)).toBe(true);
            } else {
              expect(spoiler).not.toBeNull();
            }
          }
        },
      ),
      options,
    );
    expect(seen.whole).toBeGreaterThan(300);
    expect(seen.faults).toBeGreaterThan(50);
  },
  60_000,
);
