import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { callContext } from "../fixtures/call-context.ts";
import { jsonCodec } from "./json-codec.ts";
import { type Arrival, Reception } from "./reception.ts";
import type { Transport, TransportListener } from "./transport.ts";

const leaseMs = 3_000;
let reception: Reception;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  reception = new Reception({ codecs: [jsonCodec], leaseMs });
});
afterEach(() => void vi.useRealTimers());

/** A worker's end of a connection, by hand. */
class HandTransport implements Transport {
  readonly name = "by hand";
  readonly headroom = 0;
  readonly partFrameBytes = 1024 * 1024;
  readonly sent: unknown[] = [];
  isClosed = false;
  refusal: string | undefined;
  #listener: TransportListener | undefined;

  listen(listener: TransportListener): void {
    this.#listener = listener;
  }

  send(frame: Uint8Array): boolean {
    this.sent.push(JSON.parse(Buffer.from(frame).toString()));
    return true;
  }

  sendPart(): boolean {
    throw new Error("no call of these tests has a big value");
  }

  close(refusal?: Error): void {
    if (this.isClosed) return;
    this.refusal = refusal?.message;
    this.end();
  }

  /** The worker's side, or the network, ends it. */
  end(error?: Error): void {
    this.isClosed = true;
    this.#listener?.closed(error);
  }

  say(document: unknown): void {
    this.#listener?.frame(Buffer.from(JSON.stringify(document)));
  }
}

function dial(changes: Readonly<Record<string, unknown>> = {}): HandTransport {
  const { token } = reception;
  const skills = { codecs: ["json"], concurrency: 4, commands: "any", versions: {} };
  const hello = { type: "hello", protocol: 1, workerId: "w1", token, pid: 1, ...skills };
  const transport = new HandTransport();
  reception.admit(transport, Buffer.from(JSON.stringify({ ...hello, ...changes })));
  return transport;
}

interface Admitted {
  readonly arrival: Arrival;
  readonly transport: HandTransport;
  readonly incarnation: string;
  readonly seen: string[];
}

async function admitted(): Promise<Admitted> {
  const transport = dial();
  const arrival = await reception.worker("w1", new AbortController().signal);
  const { incarnation } = transport.sent[0] as { incarnation: string };
  const seen: string[] = [];
  arrival.lease?.watch({ lost: () => seen.push("lost"), back: () => seen.push("back") });
  return { arrival, transport, incarnation, seen };
}

/** All that was armed for the end of this turn has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("a welcome grants a lease, and nothing of it where the host has none to give", async () => {
  const { transport } = await admitted();
  expect(transport.sent[0]).toMatchObject({ leaseMs, incarnation: expect.stringMatching(/.{20}/) });
  reception = new Reception({ codecs: [jsonCodec] });
  const [welcome] = dial().sent;
  expect(Object.keys(welcome as object)).toEqual(["type", "protocol", "codec", "maxFrameBytes"]);
});

test("a worker that dials in again with its secret goes on, without the calls of before", async () => {
  const { arrival, transport, incarnation, seen } = await admitted();
  const { channel } = arrival;
  const old = channel.execute("old", null, callContext()).catch((error: unknown) => error);
  await turn();
  transport.end(new Error("reset"));
  expect(seen).toEqual(["lost"]);
  expect(await old).toMatchObject({
    code: "WORKER_EXITED",
    outcome: "unknown",
    details: { workerId: "w1", mayReturn: true },
  });

  const second = dial({ incarnation });
  expect(seen).toEqual(["lost", "back"]);
  expect(second.sent[0]).toMatchObject({ type: "welcome", incarnation });
  const fresh = channel.execute("new", null, callContext());
  await turn();
  const [, batch] = second.sent as [unknown, [number, [number, number, string]]];
  expect(batch[1].slice(0, 3)).toEqual([0, expect.any(Number), "new"]);
  second.say([1, [0, batch[1][1], "fine"]]);
  expect(await fresh).toBe("fine");
});

test("what a worker called short before it was lost, it must call short again", async () => {
  const { arrival, transport, incarnation } = await admitted();
  const { shortCommands } = arrival.channel;
  transport.say([0, [6, 0, "add", true]]);
  expect([...shortCommands]).toEqual(["add"]);
  transport.end();
  const second = dial({ incarnation });
  expect(shortCommands.size).toBe(0);
  second.say([0, [6, 0, "add", true]]);
  expect([...shortCommands]).toEqual(["add"]);
});

test("a worker may know before its host that the old connection is no use", async () => {
  const { arrival, transport, incarnation, seen } = await admitted();
  const old = arrival.channel.execute("old", null, callContext()).catch((error: unknown) => error);
  await turn();
  dial({ incarnation });
  expect(transport.isClosed).toBe(true);
  expect(seen).toEqual(["lost", "back"]);
  expect(await old).toMatchObject({ outcome: "unknown" });
});

test.each([
  ["a guessed secret", { incarnation: "guess" }],
  ["another worker's name", { workerId: "w2" }],
  ["a secret that is no text", { incarnation: 7 }],
])("%s opens no way back, and does not disturb who is there", async (_name, changes) => {
  const { transport, incarnation, seen } = await admitted();
  const stranger = dial({ incarnation, ...changes });
  expect(stranger.sent).toMatchObject([{ type: "refused" }]);
  expect(stranger.refusal).toMatch(/does not expect it back|is no text/);
  expect(JSON.stringify(stranger.sent)).not.toContain(incarnation);
  expect(transport.isClosed).toBe(false);
  expect(seen).toEqual([]);
});

test("a second after the lease the worker is given up, and comes too late", async () => {
  const { arrival, transport, incarnation } = await admitted();
  transport.end();
  let fault: unknown = "none";
  void arrival.channel.closed.then((error) => {
    fault = error;
  });
  await vi.advanceTimersByTimeAsync(leaseMs + 999);
  expect(fault).toBe("none");
  await vi.advanceTimersByTimeAsync(1);
  expect(fault).toMatchObject({ message: expect.stringContaining("within 3000 ms") });
  expect(dial({ incarnation }).sent).toMatchObject([{ type: "refused" }]);
});

test("what is wrong with the worker itself ends it, lease or not", async () => {
  const { arrival, transport, incarnation, seen } = await admitted();
  transport.say("nonsense");
  expect(await arrival.channel.closed).toMatchObject({ code: "PROTOCOL" });
  expect(seen).toEqual([]);
  expect(dial({ incarnation }).sent).toMatchObject([{ type: "refused" }]);
});

test("a host that hangs up wants it back no more, also when it was lost already", async () => {
  const first = await admitted();
  first.arrival.channel.close();
  await first.arrival.channel.closed;
  expect(dial({ incarnation: first.incarnation }).sent).toMatchObject([{ type: "refused" }]);

  const second = await admitted();
  second.transport.end();
  second.arrival.channel.close();
  expect(await second.arrival.channel.closed).toBeUndefined();
  expect(dial({ incarnation: second.incarnation }).sent).toMatchObject([{ type: "refused" }]);
  expect(vi.getTimerCount()).toBe(0);
});

test("an idle worker hears from its host three times in a lease", async () => {
  const { transport } = await admitted();
  for (let count = 1; count <= 3; count++) {
    await vi.advanceTimersByTimeAsync(leaseMs / 3);
    await turn();
    expect(transport.sent).toHaveLength(1 + count);
    const [, [kind, id]] = transport.sent.at(-1) as [number, [number, number]];
    expect(kind).toBe(4);
    transport.say([1, [4, id]]);
    await turn();
  }
});

test("a session that ends while its worker is away has ended when it is back", async () => {
  const { arrival, transport, incarnation } = await admitted();
  transport.end();
  arrival.channel.endSession("ada");
  const second = dial({ incarnation });
  await turn();
  expect(second.sent.slice(1)).toEqual([[0, [6, 0, "ada"]]]);
});
