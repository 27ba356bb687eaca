import { randomFillSync } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SnakepitError } from "../errors.ts";
import { callContext } from "../fixtures/call-context.ts";
import { caught } from "../fixtures/caught.ts";
import { heldBytes } from "../fixtures/held-bytes.ts";
import type { Channel } from "./channel.ts";
import { MAX_VALUE_BYTES, served, WireHost } from "./fixture-host.ts";
import { framed, HandWorker, partFrame } from "./fixture-worker.ts";
import type { PartFrame } from "./part-frame.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const creditBytes = 4 * MiB;

let host: WireHost;
let channel: Channel;
let worker: HandWorker;

beforeEach(async () => {
  host = await WireHost.open();
  ({ channel, worker } = await host.connectWithParts("w1"));
});
afterEach(() => host[Symbol.asyncDispose]());

function noise(bytes: number): Uint8Array {
  return randomFillSync(new Uint8Array(bytes));
}

/** The next frame, which must be of a part. */
async function nextPart(): Promise<PartFrame> {
  const frame = (await worker.frame()) as { part?: PartFrame };
  if (frame.part === undefined) throw new Error(`no part, but ${JSON.stringify(frame)}`);
  return frame.part;
}

/** Frames of parts, `bytes` in all. */
async function parts(bytes: number): Promise<PartFrame[]> {
  const frames: PartFrame[] = [];
  for (let came = 0; came < bytes; ) {
    const frame = await nextPart();
    frames.push(frame);
    came += frame.bytes.length;
  }
  return frames;
}

/** The next frame, which must be a batch of one call: which. */
async function nextCall(): Promise<unknown> {
  const [, record] = (await worker.frame()) as [number, [number, number, string]];
  return record[2];
}

/** A call that may end with its connection. */
function leave(call: Promise<unknown>): void {
  call.catch(() => {});
}

/** As a worker must do to get more. */
function giveCredit(bytes: number): void {
  worker.send([0, [8, 0, bytes]]);
}

test("a binary goes ahead of its call, in frames of at most 1 MiB", async () => {
  const data = noise(3 * MiB + 5);
  const answer = channel.execute("take", { name: "it", data }, callContext());
  const frames = await parts(data.length);
  for (const { callId, number, partBytes, bytes } of frames) {
    expect([callId, number, partBytes]).toEqual([1, 0, data.length]);
    expect(bytes.length).toBeLessThanOrEqual(MiB);
  }
  expect(Buffer.concat(frames.map(({ bytes }) => bytes)).equals(data)).toBe(true);
  const record = [0, 1, "take", { name: "it", data: { part: [1, 0] } }, null];
  expect(await worker.frame()).toEqual([0, record]);
  worker.send([1, [0, 1, "taken"]]);
  expect(await answer).toBe("taken");
});

test("several binaries of a call come one after the other", async () => {
  const data = [noise(70 * KiB), noise(2 * MiB), noise(70 * KiB)];
  leave(channel.execute("take", data, callContext()));
  const frames = await parts(2 * MiB + 140 * KiB);
  expect(frames.map(({ number }) => number)).toEqual([0, 1, 1, 2]);
  const places = data.map((_, number) => ({ part: [1, number] }));
  expect(await worker.frame()).toEqual([0, [0, 1, "take", places, null]]);
});

test("the binaries of two calls take turns", async () => {
  leave(channel.execute("first", noise(2 * MiB), callContext()));
  leave(channel.execute("second", noise(2 * MiB), callContext()));
  const frames = [await nextPart(), await nextPart(), await nextPart()];
  expect(frames.map(({ callId }) => callId)).toEqual([1, 2, 1]);
  expect(await nextCall()).toBe("first");
  expect((await nextPart()).callId).toBe(2);
  expect(await nextCall()).toBe("second");
});

test("more than eight values wait for one another", async () => {
  for (let n = 0; n < 9; n++) leave(channel.execute("take", noise(MiB + 1), callContext()));
  const order: number[] = [];
  for (let n = 0; n < 8; n++) {
    order.push((await nextPart()).callId);
    if (n % 2 === 1) giveCredit(2 * MiB);
  }
  expect(order).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect((await nextPart()).bytes.length).toBe(1);
  expect(await nextCall()).toBe("take");
});

test("small calls pass a big value that waits for credit", async () => {
  const data = noise(creditBytes + MiB);
  const big = channel.execute("big", data, callContext());
  await parts(creditBytes);
  const small = channel.execute("small", null, callContext());
  expect(await worker.frame()).toEqual([0, [0, 2, "small", null, null]]);
  worker.send([1, [0, 2, "done"]]);
  expect(await small).toBe("done");
  giveCredit(MiB);
  await parts(MiB);
  expect(await nextCall()).toBe("big");
  worker.send([1, [0, 1, "done too"]]);
  expect(await big).toBe("done too");
});

test("a small call passes between the frames of a big value", async () => {
  leave(channel.execute("big", noise(4 * MiB), callContext()));
  await nextPart(); // three more fill the socket one after the other
  leave(channel.execute("small", null, callContext()));
  const order: string[] = [];
  for (let n = 0; n < 4; n++) {
    const frame = await worker.frame();
    order.push(Array.isArray(frame) ? "small" : "part");
  }
  expect(order.indexOf("small")).toBeLessThan(3);
});

test("a call that is cancelled before its turn was never sent", async () => {
  for (let n = 0; n < 8; n++) leave(channel.execute("first", noise(MiB + 1), callContext()));
  const late = callContext();
  const waiting = channel.execute("late", noise(MiB), late);
  await parts(creditBytes);
  late.cancel();
  expect(await caught(waiting)).toMatchObject({ code: "CANCELLED", outcome: "not-started" });
  giveCredit(creditBytes);
  for (const { callId } of await parts(creditBytes)) expect(callId).toBeLessThan(9);
});

test("a call that is cancelled in the middle of its value gets no more of it", async () => {
  const context = callContext();
  const answer = channel.execute("big", noise(creditBytes + MiB), context);
  await parts(creditBytes);
  context.cancel();
  expect(await worker.frame()).toEqual([0, [2, 1]]);
  worker.send([1, [8, 0, creditBytes]]);
  const next = channel.execute("next", null, callContext());
  // Its id is not used again before the worker has answered.
  expect(await worker.frame()).toEqual([0, [0, 2, "next", null, null]]);
  worker.send([1, [1, 1, { type: "Cancelled", code: "CANCELLED", begun: false }], [0, 2, "ok"]]);
  expect(await caught(answer)).toMatchObject({ code: "CANCELLED", outcome: "not-started" });
  expect(await next).toBe("ok");
});

test("a call whose value was not sent to its end when the worker left was never begun", async () => {
  const big = channel.execute("big", noise(creditBytes + MiB), callContext());
  await parts(creditBytes);
  worker.socket.destroy();
  expect(await caught(big)).toMatchObject({ code: "WORKER_EXITED", outcome: "not-started" });
  expect(await channel.closed).toBeUndefined();
});

test("a buffer that is taken away while it is being sent fails its call alone", async () => {
  const data = noise(creditBytes + MiB);
  const big = channel.execute("big", { data }, callContext());
  await parts(creditBytes);
  structuredClone(data, { transfer: [data.buffer as ArrayBuffer] });
  giveCredit(creditBytes);
  expect(await caught(big)).toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(await worker.frame()).toEqual([0, [2, 1]]);
  worker.send([1, [1, 1, { type: "Cancelled", code: "CANCELLED", begun: false }]]);
  expect(await served({ channel, worker })).toBe("fine");
});

test("a value above the limit fails alone, and nothing of it is sent", async () => {
  const half = noise(MAX_VALUE_BYTES / 2);
  const good = channel.execute("good", null, callContext());
  const large = channel.execute("large", [half, half, half], callContext());
  expect(await caught(large)).toMatchObject({
    code: "VALUE_TOO_LARGE",
    outcome: "not-started",
    details: { bytes: 1.5 * MAX_VALUE_BYTES, limitBytes: MAX_VALUE_BYTES },
  });
  expect(await worker.frame()).toEqual([0, [0, 1, "good", null, null]]);
  worker.send([1, [0, 1, "fine"]]);
  expect(await good).toBe("fine");
});

test("the parts of an answer arrive in memory of their own", async () => {
  const answer = channel.execute("give", null, callContext());
  await worker.frame();
  const [first, second] = [noise(MiB + 7), noise(64 * KiB)];
  const head = { callId: 1, number: 0, partBytes: first.length };
  worker.sendPart({ ...head, bytes: first.subarray(0, MiB) });
  worker.sendPart({ ...head, bytes: first.subarray(MiB) });
  worker.sendPart({ callId: 1, number: 1, partBytes: second.length, bytes: second });
  worker.send([1, [0, 1, { first: { part: [1, 0] }, second: { part: [1, 1] } }]]);
  const got = (await answer) as { first: Uint8Array; second: Uint8Array };
  expect(Buffer.compare(got.first, first)).toBe(0);
  expect(Buffer.compare(got.second, second)).toBe(0);
  expect(got.first.buffer.byteLength).toBe(first.length);
});

test("credit for parts is given back when half of it was used", async () => {
  leave(channel.execute("give", null, callContext()));
  await worker.frame();
  const bytes = new Uint8Array(MiB);
  for (let n = 0; n < 2; n++) worker.sendPart({ callId: 1, number: 0, partBytes: 16 * MiB, bytes });
  expect(await worker.frame()).toEqual([0, [7, 0, 2 * MiB]]);
});

test("an error in the middle of a value is its call's answer", async () => {
  const answer = channel.execute("give", null, callContext());
  await worker.frame();
  worker.sendPart({ callId: 1, number: 0, partBytes: 2 * MiB, bytes: noise(MiB) });
  worker.send([1, [1, 1, { type: "OSError", message: "the disk is gone" }]]);
  expect(await caught(answer)).toMatchObject({ code: "REMOTE" });
  const next = channel.execute("next", null, callContext());
  expect(await worker.frame()).toEqual([0, [0, 1, "next", null, null]]);
  worker.send([1, [0, 1, "fine"]]);
  expect(await next).toBe("fine");
});

test("the chunks of a stream stay in order, with parts and without", async () => {
  const stream = channel.stream("give", null, callContext());
  await worker.frame();
  const big = noise(MiB);
  worker.send([1, [2, 1, "before", 10]]);
  worker.sendPart({ callId: 1, number: 0, partBytes: MiB, bytes: big });
  worker.send([0, [2, 1, { part: [1, 0] }, MiB], [2, 1, "after", 10], [3, 1]]);
  const chunks: unknown[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  expect(chunks[0]).toBe("before");
  expect(Buffer.compare(chunks[1] as Uint8Array, big)).toBe(0);
  expect(chunks[2]).toBe("after");
});

const MiBofPart = new Uint8Array(MiB);
const begun = partFrame(1, 0, 2 * MiB, MiBofPart);

test.each<[string, Buffer, RegExp]>([
  ["for a call that was never made", partFrame(7, 0, MiB, MiBofPart), /unknown call 7/],
  ["longer than was announced", partFrame(1, 0, MiB - 1, MiBofPart), /longer than/],
  [
    "of another length than before",
    Buffer.concat([begun, partFrame(1, 0, MiB, MiBofPart)]),
    /not the one/,
  ],
  ["out of its order", partFrame(1, 1, MiB, MiBofPart), /comes before/],
  [
    "before the end of another",
    Buffer.concat([begun, partFrame(1, 1, MiB, MiBofPart)]),
    /comes before/,
  ],
  ["above the limit", partFrame(1, 0, MAX_VALUE_BYTES + 1, MiBofPart), /is above 20971520/],
  ["above every limit", partFrame(1, 0, 2 ** 53, MiBofPart), /is above/],
  ["too short to be one", partFrame(1, 0, 10, new Uint8Array(10)), /belongs into its document/],
  ["without a byte", partFrame(1, 0, MiB, new Uint8Array(0)), /holds none of it/],
  ["in a frame above 1 MiB", partFrame(1, 0, 2 * MiB, new Uint8Array(MiB + 1)), /1048577 bytes/],
  ["that gives no call", Buffer.from([0x80, 0, 0, 3, 1, 2, 3]), /holds none of it/],
  [
    "whose record comes too early",
    Buffer.concat([begun, framed('[1,[0,1,{"part":[1,0]}]]')]),
    /has not come/,
  ],
  [
    "that its record does not name",
    Buffer.concat([begun, framed("[1,[0,1,5]]")]),
    /does not name all/,
  ],
  [
    "that never came, named by a record",
    Buffer.concat([begun, framed('[1,[0,1,{"part":[1,3]}]]')]),
    /part 3 of call 1/,
  ],
  ["with credit for what was not sent", framed("[1,[8,0,1]]"), /never sent/],
])("a part %s ends that connection only", async (_name, bytes, problem) => {
  const neighbour = await host.connect("w2");
  leave(channel.execute("busy", null, callContext()));
  await worker.frame();
  worker.socket.write(bytes);
  const fault = await channel.closed;
  expect(SnakepitError.is(fault, "PROTOCOL")).toBe(true);
  expect(fault?.message).toMatch(problem);
  await worker.closed;
  expect(await served(neighbour)).toBe("fine");
});

test.each([
  ["NaN", null],
  ["a negative number", -1],
  ["more than was sent", creditBytes + 1],
])("credit of %s ends the connection", async (_name, bytes) => {
  leave(channel.execute("big", noise(MiB), callContext()));
  await nextPart();
  worker.send([0, [8, 0, bytes]]);
  expect(await channel.closed).toMatchObject({
    code: "PROTOCOL",
    message: expect.stringMatching(/credit for parts/),
  });
});

test("a part before the hello is sent away with its sender", async () => {
  const stranger = await HandWorker.dial(host.listener.path);
  stranger.socket.write(begun);
  await stranger.closed;
});

test("a part from a worker whose hello did not speak of parts ends the connection", async () => {
  const guest = await host.connect("w2");
  void guest.channel.execute("busy", null, callContext());
  await guest.worker.frame();
  guest.worker.socket.write(begun);
  expect(await guest.channel.closed).toMatchObject({
    code: "PROTOCOL",
    message: expect.stringMatching(/hello did not speak of parts/),
  });
});

test("a worker that hangs up in the middle of a part broke the protocol", async () => {
  leave(channel.execute("busy", null, callContext()));
  await worker.frame();
  worker.socket.end(begun.subarray(0, 1_000));
  expect(await channel.closed).toMatchObject({
    code: "PROTOCOL",
    message: expect.stringMatching(/980 of 1048576 bytes/),
  });
});

test("nine values at once are one too many", async () => {
  for (let n = 0; n < 9; n++) leave(channel.execute("give", null, callContext()));
  await worker.frame();
  const bytes = new Uint8Array(10);
  for (let callId = 1; callId <= 9; callId++)
    worker.sendPart({ callId, number: 0, partBytes: 64 * KiB, bytes });
  expect(await channel.closed).toMatchObject({
    code: "PROTOCOL",
    message: expect.stringMatching(/more than 8 values/),
  });
});

test("a worker that sends parts and reads nothing is stopped at its credit", async () => {
  leave(channel.execute("give", null, callContext()));
  await worker.frame();
  worker.socket.pause();
  leave(channel.execute("large", "x".repeat(7_000_000), callContext()));
  worker.send([1]); // acknowledged, so that it is sent, and fills the socket
  await new Promise((resolve) => setImmediate(resolve));
  const head = { callId: 1, number: 0, partBytes: MAX_VALUE_BYTES };
  for (let n = 0; n < 5; n++) worker.sendPart({ ...head, bytes: MiBofPart });
  expect(await channel.closed).toMatchObject({
    code: "PROTOCOL",
    message: expect.stringMatching(/beyond their credit/),
  });
  worker.socket.destroy();
});

test("a connection that ends in the middle of a part keeps none of it, whoever keeps its fault", async () => {
  leave(channel.execute("give", null, callContext()));
  await worker.frame();
  const before = await heldBytes();
  const frame = partFrame(1, 0, MAX_VALUE_BYTES, MiBofPart);
  worker.socket.end(frame.subarray(0, 300_000));
  const fault = await channel.closed;
  expect((await heldBytes()) - before).toBeLessThan(8 * 1024 * KiB);
  expect(fault).toMatchObject({ code: "PROTOCOL" });
});
