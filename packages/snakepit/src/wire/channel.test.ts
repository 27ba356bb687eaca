import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import type { CallContext, CallSession, CancelListener, TelemetryReport } from "../adapter.ts";
import { SnakepitError } from "../errors.ts";
import { heldBytes } from "../fixtures/held-bytes.ts";
import type { Channel } from "./channel.ts";
import { HandWorker } from "./fixture-worker.ts";
import { jsonCodec } from "./json-codec.ts";
import { Reception } from "./reception.ts";
import { remoteError } from "./remote-error.ts";
import { SocketListener } from "./socket-listener.ts";

let reception: Reception;
let listener: SocketListener;
const forever = new AbortController().signal;

beforeEach(async () => {
  reception = new Reception({ codecs: [jsonCodec], maxFrameBytes: 1_000_000 });
  listener = await SocketListener.open({ reception });
});
afterEach(() => listener[Symbol.asyncDispose]());

function hello(changes: Record<string, unknown> = {}) {
  return {
    type: "hello",
    protocol: 1,
    workerId: "w1",
    token: reception.token,
    pid: 1,
    codecs: ["json"],
    concurrency: 4,
    commands: "any",
    versions: {},
    ...changes,
  };
}

async function connected(): Promise<{ channel: Channel; worker: HandWorker }> {
  const worker = await HandWorker.dial(listener.path);
  worker.send(hello());
  const { channel } = await reception.worker("w1", forever);
  expect(await worker.frame()).toMatchObject({ type: "welcome", protocol: 1, codec: "json" });
  return { channel, worker };
}

class TestContext implements CallContext {
  readonly callId = "call";
  readonly deadlineMs: number;
  readonly session: CallSession | undefined;
  readonly signal = forever;
  #listener: CancelListener | undefined;
  constructor(deadlineMs = Number.POSITIVE_INFINITY, session?: CallSession) {
    this.deadlineMs = deadlineMs;
    this.session = session;
  }
  onCancel(listener: CancelListener): void {
    this.#listener = listener;
  }
  async callHost<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    return work();
  }
  cancel(): void {
    this.#listener?.cancel();
  }
}

test("a call travels as a record with the time it has left, and its answer comes back", async () => {
  const { channel, worker } = await connected();
  const answer = channel.execute("add", { a: 1 }, new TestContext(performance.now() + 5_000));
  const [acked, record] = (await worker.frame()) as [
    number,
    [number, number, string, unknown, number],
  ];
  expect(acked).toBe(0);
  expect(record.slice(0, 4)).toEqual([0, 1, "add", { a: 1 }]);
  expect(record[4]).toBeGreaterThan(4_000);
  worker.send([1, [0, 1, 42]]);
  expect(await answer).toBe(42);
});

test("a result without a value is null, as trailing nulls may be left out", async () => {
  const { channel, worker } = await connected();
  const answer = channel.execute("nothing", null, new TestContext());
  await worker.frame();
  worker.send([1, [0, 1]]);
  expect(await answer).toBeNull();
});

test("calls gather while a batch is unacknowledged, and leave as one", async () => {
  const { channel, worker } = await connected();
  const first = channel.execute("one", null, new TestContext());
  expect(await worker.frame()).toEqual([0, [0, 1, "one", null, null]]);
  const rest = [
    channel.execute("two", null, new TestContext()),
    channel.execute("three", null, new TestContext()),
  ];
  worker.send([0, [0, 1, "first done, batch not acknowledged"]]);
  await first;
  worker.send([1]);
  expect(await worker.frame()).toEqual([0, [0, 1, "two", null, null], [0, 2, "three", null, null]]);
  worker.send([1, [0, 2, 3], [0, 1, 2]]);
  expect(await Promise.all(rest)).toEqual([2, 3]);
});

test("a call that is cancelled while it gathers is never sent and known not to have begun", async () => {
  const { channel, worker } = await connected();
  void channel.execute("busy", null, new TestContext());
  await worker.frame();
  const context = new TestContext();
  const doomed = channel.execute("doomed", null, context);
  const kept = channel.execute("kept", null, new TestContext());
  context.cancel();
  await expect(doomed).rejects.toMatchObject({ code: "CANCELLED", outcome: "not-started" });
  worker.send([1]);
  expect(await worker.frame()).toEqual([0, [0, 2, "kept", null, null]]);
  worker.send([1, [0, 2, "k"]]);
  expect(await kept).toBe("k");
});

test("a cancel does not wait for the window, and the answer to it still frees the call", async () => {
  const { channel, worker } = await connected();
  const context = new TestContext();
  const call = channel.execute("long", null, context);
  await worker.frame();
  context.cancel();
  expect(await worker.frame()).toEqual([0, [2, 1]]);
  worker.send([2, [1, 1, { type: "CancelledError", message: "stopped", code: "CANCELLED" }]]);
  await expect(call).rejects.toMatchObject({ code: "CANCELLED", outcome: "failed" });
});

test("a value that cannot be carried fails its call alone, before anything is sent", async () => {
  const { channel, worker } = await connected();
  const bad = channel.execute("bad", { f: () => 1 }, new TestContext());
  const huge = channel.execute("huge", "x".repeat(2_000_000), new TestContext());
  const good = channel.execute("good", 1, new TestContext());
  await expect(bad).rejects.toMatchObject({ code: "SERIALIZATION", details: { path: "args.f" } });
  await expect(huge).rejects.toMatchObject({ code: "VALUE_TOO_LARGE" });
  expect(await worker.frame()).toEqual([0, [0, 1, "good", 1, null]]);
  worker.send([1, [0, 1, "fine"]]);
  expect(await good).toBe("fine");
});

test("a value that fits by itself does not fail for what lies beside it in the batch", async () => {
  const { channel, worker } = await connected();
  const small = channel.execute("small", "x".repeat(100_000), new TestContext());
  const large = channel.execute("large", "y".repeat(999_900), new TestContext());
  const [, record] = (await worker.frame()) as [number, unknown[]];
  expect(record.slice(0, 3)).toEqual([0, 1, "small"]);
  worker.send([1, [0, 1, "s"]]);
  const [, next] = (await worker.frame()) as [number, unknown[]];
  expect(next[2]).toBe("large");
  worker.send([1, [0, next[1], "l"]]);
  expect(await Promise.all([small, large])).toEqual(["s", "l"]);
});

test("a call that was not sent when the connection ended is known not to have begun", async () => {
  const { channel, worker } = await connected();
  void channel.execute("sent", null, new TestContext());
  await worker.frame();
  const held = channel.execute("held", null, new TestContext());
  worker.socket.destroy();
  await expect(held).rejects.toMatchObject({ code: "WORKER_EXITED", outcome: "not-started" });
});

test("errors of the worker keep type, message, traceback and code", async () => {
  const { channel, worker } = await connected();
  const calls = ["a", "b", "c"].map((command) => channel.execute(command, null, new TestContext()));
  const settled = Promise.allSettled(calls);
  await worker.frame();
  worker.send([
    1,
    [1, 1, { type: "ValueError", message: "too long", traceback: "line 1" }],
    [1, 2, { type: "NotFound", message: "no such thing", code: "NOT_FOUND", begun: false }],
    [
      1,
      3,
      {
        type: "ModelError",
        message: "gone",
        code: "MODEL_UNREACHABLE",
        details: { endpoint: "x" },
      },
    ],
  ]);
  const [a, b, c] = (await settled).map((one) => (one.status === "rejected" ? one.reason : one));
  expect(a).toMatchObject({
    code: "REMOTE",
    details: { type: "ValueError", message: "too long", traceback: "line 1", workerId: "w1" },
  });
  expect(b).toMatchObject({ code: "NOT_FOUND", retryable: true });
  expect(c).toMatchObject({
    code: "REMOTE",
    details: { code: "MODEL_UNREACHABLE", endpoint: "x" },
  });
});

test("an error without a text is named by its type alone", () => {
  const error = remoteError({ type: "KeyboardInterrupt", message: "" }, "fail", "w1");
  expect(error.message).toBe("[REMOTE] KeyboardInterrupt in fail");
  expect(error.details).toMatchObject({ type: "KeyboardInterrupt", message: "" });
});

test("a worker says which commands are short, and takes it back", async () => {
  const { channel, worker } = await connected();
  const call = channel.execute("add", null, new TestContext());
  await worker.frame();
  worker.send([0, [6, 0, "add", true], [6, 0, "echo", true], [6, 0, "echo", false], [0, 1, 3]]);
  await call;
  expect([...channel.shortCommands]).toEqual(["add"]);
});

test("a call and a stream carry the id of their session, and nothing when there is none", async () => {
  const { channel, worker } = await connected();
  const inSession = () => new TestContext(Number.POSITIVE_INFINITY, { id: "user_123" });
  void channel.execute("remember", 1, inSession());
  void channel.stream("tell", 2, inSession()).next();
  void channel.execute("plain", 3, new TestContext());
  expect(await worker.frame()).toEqual([
    0,
    [0, 1, "remember", 1, null, "user_123"],
    [1, 2, "tell", 2, null, "user_123"],
    [0, 3, "plain", 3, null],
  ]);
});

test("the end of a session does not wait for the window", async () => {
  const { channel, worker } = await connected();
  void channel.execute("busy", null, new TestContext());
  await worker.frame();
  channel.endSession("user_123");
  expect(await worker.frame()).toEqual([0, [6, 0, "user_123"]]);
});

test("a recall takes back at once what was not sent, and asks once for what has not begun", async () => {
  const { channel, worker } = await connected();
  const sent = ["long", "behind"].map((command) =>
    channel.execute(command, null, new TestContext()),
  );
  await worker.frame();
  const unsent = channel.execute("unsent", null, new TestContext());
  channel.recall(0);
  channel.recall(0);
  await expect(unsent).rejects.toMatchObject({ code: "WORKER_BUSY", outcome: "not-started" });
  expect(await worker.frame()).toEqual([0, [5, 0]]);
  worker.send([
    2,
    [1, 2, { type: "BridgeError", message: "busy", code: "WORKER_BUSY", begun: false }],
  ]);
  await expect(sent[1]).rejects.toMatchObject({ code: "WORKER_BUSY", retryable: true });
  channel.recall(0); // nothing was sent since
  const next = channel.execute("next", null, new TestContext());
  expect(await worker.frame()).toEqual([0, [0, 2, "next", null, null]]);
  channel.recall(0);
  expect(await worker.frame()).toEqual([0, [5, 0]]);
  worker.send([2, [0, 1, "l"], [0, 2, "n"]]);
  expect(await Promise.all([sent[0], next])).toEqual(["l", "n"]);
});

test("a worker that was heard of late, or has no calls, is not recalled", async () => {
  const { channel, worker } = await connected();
  channel.recall(0);
  const call = channel.execute("one", null, new TestContext());
  expect(await worker.frame()).toEqual([0, [0, 1, "one", null, null]]);
  channel.recall(60_000);
  channel.endSession("s"); // a recall would have left before it
  expect(await worker.frame()).toEqual([0, [6, 0, "s"]]);
  worker.send([2, [0, 1, 1]]);
  await call;
  channel.recall(0); // it has answered everything
  channel.endSession("t");
  expect(await worker.frame()).toEqual([0, [6, 0, "t"]]);
});

test("the channel knows when it last heard of its worker", async () => {
  const { channel, worker } = await connected();
  const before = channel.heardMs;
  const call = channel.execute("one", null, new TestContext());
  await worker.frame();
  const asked = performance.now();
  expect(channel.heardMs).toBe(before);
  worker.send([1, [0, 1, 1]]);
  await call;
  expect(channel.heardMs).toBeGreaterThanOrEqual(asked);
  expect(channel.heardMs).toBeLessThanOrEqual(performance.now());
});

test("what a worker measures is reported, with empty maps where it sent none", async () => {
  const { channel, worker } = await connected();
  const reports: TelemetryReport[] = [];
  channel.onTelemetry = (report) => reports.push(report);
  const call = channel.execute("one", null, new TestContext());
  await worker.frame();
  const metadata = { model: "m", sizes: [1, 2] };
  worker.send([1, [7, 0, "loaded", { seconds: 1.5 }, metadata], [7, 0, "idle"], [0, 1, 1]]);
  await call;
  expect(reports).toEqual([
    { event: "loaded", measurements: { seconds: 1.5 }, metadata },
    { event: "idle", measurements: {}, metadata: {} },
  ]);
});

test("a stream gives credit back at half, and leaving it cancels and waits for the end", async () => {
  const { channel, worker } = await connected();
  const reader = channel.stream("count", null, new TestContext());
  expect(await worker.frame()).toEqual([0, [1, 1, "count", null, null]]);
  const chunks = Array.from({ length: 600 }, (_, n) => [2, 1, n, 10]);
  worker.send([1, ...chunks]);
  for (let n = 0; n < 600; n++) expect(await reader.next()).toEqual({ done: false, value: n });
  expect(await worker.frame()).toEqual([0, [3, 1, 512, 5_120]]);
  const returned = reader.return();
  expect(await worker.frame()).toEqual([0, [2, 1]]);
  let settled = false;
  void returned.then(() => {
    settled = true;
  });
  worker.send([2, [2, 1, "late", 4]]); // dropped
  await Promise.resolve();
  expect(settled).toBe(false);
  worker.send([0, [3, 1]]);
  expect(await returned).toEqual({ done: true, value: undefined });
});

test("chunks that came before a stream's error are read before it", async () => {
  const { channel, worker } = await connected();
  const reader = channel.stream("count", null, new TestContext());
  await worker.frame();
  worker.send([1, [2, 1, "a", 1], [1, 1, { type: "ValueError", message: "boom" }]]);
  expect(await reader.next()).toEqual({ done: false, value: "a" });
  await expect(reader.next()).rejects.toMatchObject({ code: "REMOTE" });
  expect(await reader.next()).toEqual({ done: true, value: undefined });
});

test.each([
  ["no array", Buffer.from('{"a":1}')],
  ["no JSON", Buffer.from("\u0000\u0001")],
  ["an unknown call", Buffer.from("[0,[0,99,1]]")],
  ["a call id that is no number", Buffer.from('[0,[0,"length",1]]')],
  ["an unknown kind", Buffer.from("[0,[77,1,1]]")],
  ["a record that is no array", Buffer.from("[0,5]")],
])("a document with %s ends the connection with PROTOCOL", async (_name, document) => {
  const { channel, worker } = await connected();
  void channel.execute("busy", null, new TestContext());
  await worker.frame();
  worker.sendRaw(document);
  expect(SnakepitError.is(await channel.closed, "PROTOCOL")).toBe(true);
  await worker.closed;
});

test("a frame above the limit ends the connection before it is read", async () => {
  const { channel, worker } = await connected();
  worker.socket.write(Buffer.from([0x7f, 0xff, 0xff, 0xff]));
  expect(await channel.closed).toMatchObject({ code: "PROTOCOL" });
});

test("frames that arrive byte by byte are put together", async () => {
  const { channel, worker } = await connected();
  const call = channel.execute("x", null, new TestContext());
  await worker.frame();
  const document = Buffer.from("[1,[0,1,true]]");
  const frame = Buffer.concat([Buffer.from([0, 0, 0, document.length]), document]);
  for (const byte of frame) {
    await new Promise<void>((resolve) => {
      worker.socket.write(Buffer.from([byte]), () => resolve());
    });
  }
  expect(await call).toBe(true);
});

test.each([
  ["a wrong token", { token: "guess" }, /token/],
  ["another protocol", { protocol: 2 }, /protocol 2, this host 1/],
  ["no codec in common", { codecs: ["bson"] }, /bson.*json/],
  ["no concurrency", { concurrency: 0 }, /concurrency is 0/],
  ["no list of commands", { commands: 7 }, /commands/],
])(
  "a hello with %s is refused, and the one who waits for the worker is told",
  async (_name, changes, message) => {
    const waiting = reception.worker("w1", forever);
    const refused = expect(waiting).rejects.toMatchObject({
      code: "WORKER_START_FAILED",
      message: expect.stringMatching(message),
      details: { reason: "bad-handshake" },
    });
    const worker = await HandWorker.dial(listener.path);
    worker.send(hello(changes));
    expect(await worker.frame()).toMatchObject({ type: "refused", code: "PROTOCOL" });
    await worker.closed;
    await refused;
  },
);

test("a first frame that is no hello is turned away", async () => {
  const worker = await HandWorker.dial(listener.path);
  worker.sendRaw(Buffer.from("GET / HTTP/1.1"));
  expect(await worker.frame()).toMatchObject({ type: "refused" });
  await worker.closed;
});

test("the socket lies in a directory that only this user can enter, and goes with its listener", async () => {
  const { path, directory } = listener;
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(dirname(path)).toBe(directory);
  expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100);
  const other = await SocketListener.open({ reception });
  await other[Symbol.asyncDispose]();
  expect(() => statSync(other.directory)).toThrow("ENOENT");
});

test("with no directory of a short enough path the socket is refused, with its length", async () => {
  const long = mkdtempSync(join(tmpdir(), "x".repeat(100)));
  onTestFinished(() => rmSync(long, { recursive: true, force: true }));
  const bytes = Buffer.byteLength(join(long, "snakepit-XXXXXX", "s"));
  await expect(
    SocketListener.open({ reception, directories: [long, "/nowhere"] }),
  ).rejects.toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringMatching(`${bytes} bytes.*/nowhere \\(ENOENT\\)`),
  });
});

test("a temporary directory with a long path is passed over, never cut off", async () => {
  const long = join(mkdtempSync(join(tmpdir(), "long-")), "x".repeat(90));
  mkdirSync(long, { recursive: true });
  onTestFinished(() => rmSync(dirname(long), { recursive: true, force: true }));
  const before = { TMPDIR: process.env["TMPDIR"], XDG_RUNTIME_DIR: process.env["XDG_RUNTIME_DIR"] };
  Object.assign(process.env, { TMPDIR: long, XDG_RUNTIME_DIR: long });
  try {
    const other = await SocketListener.open({ reception });
    expect(other.directory.startsWith(long)).toBe(false);
    await other[Symbol.asyncDispose]();
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
});

test("a channel that has ended lets go of the calls that it had, whoever keeps its fault", async () => {
  const { channel, worker } = await connected();
  const sent = await (async () => {
    const call = new TestContext();
    void channel.execute("add", { a: 1 }, call);
    await worker.frame();
    return new WeakRef(call);
  })();
  worker.socket.end(Buffer.from([0, 0, 0, 9, 1])); // a frame of nine bytes, of which one comes
  const fault = await channel.closed;
  await heldBytes();
  expect(sent.deref()).toBeUndefined();
  expect(fault).toMatchObject({ code: "PROTOCOL" });
  expect(channel.workerId).toBe("w1");
});
