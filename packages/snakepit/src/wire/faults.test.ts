import { afterEach, beforeEach, expect, test } from "vitest";
import { SnakepitError } from "../errors.ts";
import { callContext } from "../fixtures/call-context.ts";
import { type Connected, served, WireHost } from "./fixture-host.ts";
import { framed, HandWorker } from "./fixture-worker.ts";

let host: WireHost;
let neighbour: Connected;

beforeEach(async () => {
  host = await WireHost.open();
  neighbour = await host.connect("neighbour");
});
afterEach(() => host[Symbol.asyncDispose]());

/** Whatever happens to one connection, the others go on. */
async function neighbourIsServed(): Promise<void> {
  expect(await served(neighbour)).toBe("fine");
}

const answered = framed('[1,[0,1,"an answer"]]');

test.each([
  ["bytes that are no document", framed("\u0001\u0002"), /not JSON/],
  ["a document that is cut off", framed('[0,[0,1,"an ans'), /not JSON/],
  ["a document without an acknowledgement", framed("[[0,1,2]]"), /acknowledged/],
  ["an empty frame", Buffer.alloc(4), /not JSON/],
  ["a frame above the limit", Buffer.from([0x7f, 0, 0, 0]), /above the limit of 8000000/],
  ["more acknowledgements than batches", framed("[9]"), /9 batches are acknowledged, of 1 sent/],
  ["a result for a call that was never made", framed("[1,[0,2,1]]"), /unknown call 2/],
  ["the end of a stream for a call", framed("[1,[3,1]]"), /kind 3 is no answer to busy/],
  ["a pong for a call", framed("[1,[4,1]]"), /kind 4 is no answer to busy/],
  ["a chunk for a call", framed("[1,[2,1,5,1]]"), /not called as a stream/],
  ["a kind that there is not", framed("[1,[[],1]]"), /unknown kind \(object\)/],
  ["a log line that is no text", framed('[1,[5,0,"info",{}]]'), /log line is \(object\)/],
  ["a correlation that is no map", framed('[1,[5,0,"info","x","y"]]'), /correlation.* is no map/],
  [
    "a trace that is none",
    framed('[1,[7,0,"e",null,null,{"traceparent":"x"}]]'),
    /traceparent of a record is not what it should be/,
  ],
  ["a measurement that is no number", framed('[1,[7,0,"e",{"a":"b"}]]'), /no number/],
])("%s ends that connection only", async (_name, bytes, problem) => {
  const { channel, worker } = await host.connect("faulty");
  void channel.execute("busy", null, callContext());
  await worker.frame();
  worker.socket.write(bytes);
  const fault = await channel.closed;
  expect(SnakepitError.is(fault, "PROTOCOL")).toBe(true);
  expect(fault?.message).toMatch(problem);
  await worker.closed;
  await neighbourIsServed();
});

test.each([
  ["a header", answered.subarray(0, 2), /2 of 4 bytes/],
  ["a document", answered.subarray(0, 10), /6 of 21 bytes/],
])(
  "a worker that hangs up in the middle of %s broke the protocol",
  async (_name, bytes, problem) => {
    const { channel, worker } = await host.connect("faulty");
    void channel.execute("busy", null, callContext());
    await worker.frame();
    worker.socket.end(bytes);
    expect(await channel.closed).toMatchObject({
      code: "PROTOCOL",
      message: expect.stringMatching(problem),
    });
    await neighbourIsServed();
  },
);

test("a worker that hangs up between two frames did nothing wrong", async () => {
  const { channel, worker } = await host.connect("leaving");
  worker.socket.end(framed("[0]"));
  expect(await channel.closed).toBeUndefined();
});

test("a worker that dies with something unread did nothing wrong", async () => {
  const { channel, worker } = await host.connect("dying");
  worker.socket.pause();
  void channel.execute("unread", "x".repeat(100_000), callContext());
  await new Promise((resolve) => setImmediate(resolve)); // it was sent
  worker.socket.destroy();
  expect(await channel.closed).toBeUndefined();
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["half a header", Buffer.from([0, 0])],
  ["half a hello", framed('{"type":"hello"}').subarray(0, 9)],
])("a stranger that sends %s is sent away", async (_name, bytes) => {
  await using impatient = await WireHost.open({ handshakeMs: 20 });
  const stranger = await HandWorker.dial(impatient.listener.path);
  if (bytes.length > 0) stranger.socket.write(bytes);
  await stranger.closed;
  await neighbourIsServed();
});

test("a hello that is too long is not even taken in", async () => {
  const stranger = await HandWorker.dial(host.listener.path);
  stranger.socket.write(Buffer.from([0, 0x20, 0, 0])); // 2 MiB: a worker might send that, later
  await stranger.closed;
  await neighbourIsServed();
});

test.each([
  ["a wrong token", { token: "guess" }],
  ["a token that is no text", { token: [1] }],
  ["another version", { protocol: 2 }],
  ["a name that is taken", { workerId: "early" }],
])("a hello with %s is refused, and nobody else is harmed", async (_name, changes) => {
  const early = await HandWorker.dial(host.listener.path);
  early.send(host.hello("early"));
  expect(await early.frame()).toMatchObject({ type: "welcome" });
  const stranger = await HandWorker.dial(host.listener.path);
  stranger.send(host.hello("stranger", changes));
  expect(await stranger.frame()).toMatchObject({ type: "refused", code: "PROTOCOL" });
  await stranger.closed;
  await neighbourIsServed();
});

test("a worker that came early and left is not given to whoever asks for it", async () => {
  const early = await HandWorker.dial(host.listener.path);
  early.send(host.hello("w1"));
  await early.frame();
  early.socket.end();
  await early.closed;
  const { channel, worker } = await host.connect("w1");
  const answer = channel.execute("add", null, callContext());
  await worker.frame();
  worker.send([1, [0, 1, 3]]);
  expect(await answer).toBe(3);
});

test("a worker that does not read holds nobody up, and a close does not wait for it", async () => {
  const { channel, worker } = await host.connect("deaf");
  let logged = 0;
  channel.onLog = () => logged++;
  worker.socket.pause();
  void channel.execute("large", "x".repeat(7_000_000), callContext());
  for (let n = 0; n < 1_000; n++) worker.send([0, [5, 0, "info", "still here"]]);
  while (logged < 1_000) await neighbourIsServed();
  channel.close();
  expect(await channel.closed).toBeUndefined();
  worker.socket.destroy();
});

test("credit for a worker that does not read is gathered, and arrives as one", async () => {
  const { channel, worker } = await host.connect("deaf");
  worker.socket.pause();
  const reader = channel.stream("count", null, callContext());
  const large = channel.execute("large", "x".repeat(7_000_000), callContext());
  await new Promise((resolve) => setImmediate(resolve)); // it was sent, and fills the socket
  for (let round = 0; round < 2; round++) {
    worker.send([0, ...Array.from({ length: 512 }, (_, n) => [2, 1, n, 10])]);
    for (let n = 0; n < 512; n++) expect(await reader.next()).toEqual({ done: false, value: n });
  }
  worker.socket.resume();
  await worker.frame();
  expect(await worker.frame()).toEqual([0, [3, 1, 1024, 10_240]]);
  worker.send([2, [0, 2, "taken in"], [3, 1]]);
  expect(await large).toBe("taken in");
});

test.each([
  ["too many chunks", Array.from({ length: 1_025 }, () => [2, 1, 0, 1]), /beyond the credit/],
  ["too many bytes", Array.from({ length: 3 }, () => [2, 1, 0, 2 ** 21]), /beyond the credit/],
  ["a chunk of a negative size", [[2, 1, 0, -1]], /no size/],
])(
  "a stream with %s ends the connection: its reader may be slow",
  async (_name, chunks, problem) => {
    const { channel, worker } = await host.connect("flooding");
    channel.stream("count", null, callContext());
    await worker.frame();
    worker.send([1, ...chunks]);
    expect(await channel.closed).toMatchObject({
      code: "PROTOCOL",
      message: expect.stringMatching(problem),
    });
    await neighbourIsServed();
  },
);

test("a worker cannot make the list of short commands grow without end", async () => {
  const { channel, worker } = await host.connect("talkative");
  worker.send([0, ...Array.from({ length: 10_001 }, (_, n) => [6, 0, `command ${n}`, true])]);
  expect(await channel.closed).toMatchObject({ code: "PROTOCOL" });
  expect(channel.shortCommands.size).toBe(10_000);
});
