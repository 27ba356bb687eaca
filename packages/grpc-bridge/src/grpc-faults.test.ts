import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import type { CallContext } from "snakepit";
import { type Channel, jsonCodec, Reception } from "snakepit/wire";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { BridgeServiceService, ConnectRequest } from "./gen/snakepit_bridge/v1/bridge.ts";
import { GrpcListener } from "./grpc-listener.ts";

const maxFrameBytes = 100_000;
let directory: string;
let reception: Reception;
let listener: GrpcListener;
let neighbour: Guest;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "snakepit-"));
  reception = new Reception({ codecs: [jsonCodec], maxFrameBytes, maxValueBytes: 200_000 });
  listener = await GrpcListener.open({ reception, directory });
  neighbour = await connect("neighbour");
});
afterEach(async () => {
  await listener[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

/** A worker by hand: it puts any bytes at all into a gRPC stream. */
class HandWorker {
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #frames: unknown[] = [];
  readonly #waiting: ((frame: unknown) => void)[] = [];
  readonly closed: Promise<void>;

  constructor(path: string) {
    const client = new Client(`unix:${path}`, credentials.createInsecure());
    const same = (bytes: Buffer) => bytes;
    const method = BridgeServiceService.connect.path;
    this.#stream = client.makeBidiStreamRequest(method, same, same);
    this.#stream.on("error", () => {});
    this.#stream.on("data", (message: Buffer) => {
      const frame: unknown = JSON.parse(message.toString().replace(/^[^{[]*/, ""));
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#frames.push(frame);
      else waiting(frame);
    });
    this.closed = new Promise((resolve) => {
      this.#stream.on("status", () => {
        client.close();
        resolve();
      });
    });
  }

  send(document: unknown): void {
    this.sendMessage(messageOf(Buffer.from(JSON.stringify(document))));
  }

  sendMessage(message: Buffer): void {
    this.#stream.write(message);
  }

  hangUp(): void {
    this.#stream.end();
  }

  frame(): Promise<unknown> {
    const frame = this.#frames.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** `ConnectRequest { frame { document } }`, with both lengths in two bytes. */
function messageOf(document: Buffer): Buffer {
  const inner = Buffer.concat([Buffer.from([0x0a, ...varint(document.length)]), document]);
  return Buffer.concat([Buffer.from([0x0a, ...varint(inner.length)]), inner]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

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

async function connect(
  workerId: string,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<Guest> {
  const worker = new HandWorker(listener.path);
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
  const stranger = new HandWorker(listener.path);
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
  const options = { reception, directory: elsewhere, handshakeMs: 20 };
  await using impatient = await GrpcListener.open(options);
  const stranger = new HandWorker(impatient.path);
  await stranger.closed;
  await neighbourIsServed();
});

test.each([
  ["a wrong token", { token: "guess" }],
  ["another version", { protocol: 2 }],
])("a hello with %s is refused", async (_name, changes) => {
  const stranger = new HandWorker(listener.path);
  stranger.send(hello("stranger", changes));
  expect(await stranger.frame()).toMatchObject({ type: "refused", code: "PROTOCOL" });
  await stranger.closed;
  await neighbourIsServed();
});

test("a worker that hangs up in good order did nothing wrong", async () => {
  const { channel, worker } = await connect("leaving");
  worker.hangUp();
  expect(await channel.closed).toBeUndefined();
  await neighbourIsServed();
});
