import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status as Status, type StatusObject } from "@grpc/grpc-js";
import type { CallContext } from "snakepit";
import { type Channel, jsonCodec, Reception } from "snakepit/wire";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { HandWorker, handMetadata, messageOf } from "./fixtures/hand-worker.ts";
import { ConnectRequest } from "./gen/snakepit_bridge/v1/bridge.ts";
import { GrpcListener } from "./grpc-listener.ts";
import { errorOf } from "./status.ts";

const maxFrameBytes = 100_000;
let directory: string;
let reception: Reception;
let listener: GrpcListener;
let neighbour: Guest;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "snakepit-"));
  reception = new Reception({ codecs: [jsonCodec], maxFrameBytes, maxValueBytes: 200_000 });
  listener = await GrpcListener.open({ reception, place: { path: join(directory, "g") } });
  neighbour = await connect("neighbour");
});
afterEach(async () => {
  await listener[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

type PartFields = [callId: number, number: number, partBytes: number, bytes: number];

function partMessage(...[callId, number, partBytes, bytes]: PartFields): Buffer {
  const part = { callId, number, partBytes: BigInt(partBytes), bytes: Buffer.alloc(bytes) };
  const frame = { content: { $case: "part" as const, value: part } };
  return Buffer.from(ConnectRequest.encode({ frame }).finish());
}

interface Guest {
  readonly channel: Channel;
  readonly worker: HandWorker;
}

function metadata(changes: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { ...handMetadata(reception), ...changes };
}

function handWorker(): HandWorker {
  return new HandWorker(listener.address, metadata());
}

async function connect(
  workerId: string,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<Guest> {
  const worker = handWorker();
  worker.send(hello(workerId, changes));
  const { channel } = await reception.worker(workerId, new AbortController().signal);
  await worker.frame();
  return { channel, worker };
}

function hello(workerId: string, changes: Readonly<Record<string, unknown>> = {}) {
  const { token } = reception;
  const skills = { codecs: ["json"], concurrency: 4, commands: "any", versions: {} };
  return { type: "hello", protocol: 1, workerId, token, pid: 1, ...skills, ...changes };
}

function context(): CallContext {
  return {
    callId: "call",
    deadlineMs: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    session: undefined,
    onCancel: () => {},
    callHost: async (work) => work(),
  };
}

async function neighbourIsServed(): Promise<void> {
  const { channel, worker } = neighbour;
  const answer = channel.execute("add", null, context());
  const [, [, id]] = (await worker.frame()) as [number, [number, number]];
  worker.send([1, [0, id, "fine"]]);
  expect(await answer).toBe("fine");
}

test.each([
  ["a document that is none", messageOf(Buffer.from("\u0001")), /not JSON/],
  ["a document that is cut off", messageOf(Buffer.from("[0,[0,1")), /not JSON/],
  ["a message without a frame", Buffer.alloc(0), /holds no frame/],
  ["a frame above the limit", messageOf(Buffer.alloc(maxFrameBytes + 1)), /above the limit/],
  ["bytes that are no message", Buffer.from([0xff, 0xff, 0xff]), /no request/],
])("%s ends that stream only", async (_name, message, problem) => {
  const { channel, worker } = await connect("faulty");
  channel.execute("busy", null, context()).catch(() => {});
  await worker.frame();
  worker.sendMessage(message);
  const fault = await channel.closed;
  expect(fault).toMatchObject({ code: "PROTOCOL", message: expect.stringMatching(problem) });
  await worker.closed;
  await neighbourIsServed();
});

test.each<[string, readonly PartFields[], RegExp]>([
  ["for a call that was never made", [[7, 0, 100_000, 10]], /unknown call 7/],
  ["longer than was announced", [[1, 0, 65_536, 65_537]], /longer than/],
  [
    "before the end of another",
    [
      [1, 0, 65_536, 10],
      [1, 1, 65_536, 10],
    ],
    /comes before/,
  ],
  ["above the limit", [[1, 0, 200_001, 10]], /is above 200000/],
  ["too short to be one", [[1, 0, 10, 10]], /belongs into its document/],
  ["without a byte", [[1, 0, 65_536, 0]], /holds 0 bytes/],
])("a part %s ends that stream only", async (_name, parts, problem) => {
  const { channel, worker } = await connect("faulty", { parts: true });
  channel.execute("busy", null, context()).catch(() => {});
  await worker.frame();
  for (const fields of parts) worker.sendMessage(partMessage(...fields));
  const fault = await channel.closed;
  expect(fault).toMatchObject({ code: "PROTOCOL", message: expect.stringMatching(problem) });
  await worker.closed;
  await neighbourIsServed();
});

test("a part before the hello ends its stream", async () => {
  const stranger = handWorker();
  stranger.sendMessage(partMessage(1, 0, 65_536, 10));
  await stranger.closed;
  await neighbourIsServed();
});

test("a message so large that gRPC refuses it ends that stream only", async () => {
  const { channel, worker } = await connect("faulty");
  worker.sendMessage(messageOf(Buffer.alloc(10 * maxFrameBytes)));
  await channel.closed;
  await worker.closed;
  await neighbourIsServed();
});

test("a stream that says nothing is ended", async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), "snakepit-"));
  onTestFinished(() => rmSync(elsewhere, { recursive: true }));
  const options = { reception, place: { path: join(elsewhere, "g") }, handshakeMs: 20 };
  await using impatient = await GrpcListener.open(options);
  const stranger = new HandWorker(impatient.address, metadata());
  expect(await stranger.closed).toMatchObject({
    code: Status.FAILED_PRECONDITION,
    details: "no hello came within 20 ms",
  });
  await neighbourIsServed();
});

test.each([
  ["a wrong token", { token: "guess" }],
  ["another version", { protocol: 2 }],
])("a hello with %s is refused", async (_name, changes) => {
  const stranger = handWorker();
  stranger.send(hello("stranger", changes));
  const refused = (await stranger.frame()) as { readonly message: string };
  expect(refused).toMatchObject({ type: "refused", code: "PROTOCOL" });
  const status = await stranger.closed;
  expect(status).toMatchObject({ code: Status.FAILED_PRECONDITION, details: refused.message });
  expect(errorOf(status)).toMatchObject({ code: "PROTOCOL", outcome: "not-started" });
  await neighbourIsServed();
});

test.each([
  ["no token", {}, Status.UNAUTHENTICATED, "NOT_ALLOWED"],
  ["a wrong token", { "snakepit-token": "guess" }, Status.UNAUTHENTICATED, "NOT_ALLOWED"],
  ["another version", { "snakepit-protocol": "2" }, Status.FAILED_PRECONDITION, "PROTOCOL"],
  ["no version", { "snakepit-protocol": "" }, Status.FAILED_PRECONDITION, "PROTOCOL"],
])(
  "a stream with %s in its metadata is refused before any frame",
  async (name, changes, code, ours) => {
    const stranger = new HandWorker(listener.address, name === "no token" ? {} : metadata(changes));
    const frame = stranger.frame().then(() => "a frame");
    const status = await Promise.race([frame, stranger.closed]);
    expect(status).toMatchObject({ code });
    expect(errorOf(status as StatusObject)).toMatchObject({ code: ours, outcome: "not-started" });
    expect(JSON.stringify(status)).not.toContain(reception.token);
    await neighbourIsServed();
  },
);

test("a worker of another version fails its start with both numbers", async () => {
  const start = reception.worker("old", new AbortController().signal);
  new HandWorker(
    listener.address,
    metadata({ "snakepit-protocol": "7", "snakepit-worker-id": "old" }),
  );
  await expect(start).rejects.toMatchObject({
    code: "WORKER_START_FAILED",
    message: expect.stringMatching(/speaks protocol 7, this host 1/),
    details: { reason: "bad-handshake" },
  });
});

test("a peer that connects and says nothing at all is hung up on", async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), "snakepit-"));
  onTestFinished(() => rmSync(elsewhere, { recursive: true }));
  const path = join(elsewhere, "g");
  await using impatient = await GrpcListener.open({ reception, place: { path }, handshakeMs: 20 });
  const silent = connectSocket(path);
  await once(silent.resume(), "close");
  expect(impatient.address).toBe(`grpc:unix:${path}`);
});

test("a frame above the limit is told to its worker as the stream's status", async () => {
  const { worker } = await connect("faulty");
  worker.sendMessage(messageOf(Buffer.alloc(maxFrameBytes + 1)));
  expect(errorOf(await worker.closed)).toMatchObject({
    code: "PROTOCOL",
    message: expect.stringContaining(`above the limit of ${maxFrameBytes}`),
  });
});

test("a worker that hangs up in good order did nothing wrong", async () => {
  const { channel, worker } = await connect("leaving");
  worker.hangUp();
  expect(await channel.closed).toBeUndefined();
  await neighbourIsServed();
});
