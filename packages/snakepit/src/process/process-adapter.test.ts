import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Connection, TelemetryReport } from "../adapter.ts";
import { callContext } from "../fixtures/call-context.ts";
import { caught } from "../fixtures/caught.ts";
import { fixture, processState } from "../fixtures/processes.ts";
import type { WorkerProcess } from "../launcher.ts";
import { localLauncher } from "../local/local-launcher.ts";
import type { LogLevel } from "../log-level.ts";
import { adapterContract } from "../testing/index.ts";
import {
  nodeAdapter,
  type ProtocolOptions,
  processAdapter,
  serveJsonLines,
  serveWorker,
} from "./index.ts";

interface Started {
  readonly connection: Connection;
  readonly worker: WorkerProcess;
  readonly logs: [LogLevel, string][];
  readonly reports: TelemetryReport[];
  call(command: string, args?: unknown): Promise<unknown>;
}

async function start(adapter: ReturnType<typeof processAdapter>): Promise<Started> {
  const signal = new AbortController().signal;
  await adapter.open?.({ signal });
  const worker = await localLauncher().launch(adapter.spec(), { workerId: "w1", signal });
  try {
    onTestFinished(async () => void (await worker.stop({ graceMs: 0 })));
  } catch {
    // Started for a whole group of tests, which ends it.
  }
  const logs: [LogLevel, string][] = [];
  const reports: TelemetryReport[] = [];
  const connection = await adapter.connect(worker, {
    signal,
    log: (level, message) => logs.push([level, message]),
    telemetry: (report) => reports.push(report),
  });
  return {
    connection,
    worker,
    logs,
    reports,
    call: (command, args) => connection.execute(command, args, callContext()),
  };
}

function serving(options: ProtocolOptions) {
  const { protocol, codec } = options;
  return nodeAdapter({
    script: fixture("protocol-worker.mjs"),
    args: [protocol, ...(codec === undefined ? [] : [codec])],
    ...options,
  });
}

/** A worker that is a line of shell, for what no decent library would send. */
function shell(script: string, protocol: ProtocolOptions["protocol"] = "json-lines") {
  return processAdapter({ program: "sh", args: ["-c", script], protocol });
}

/** `printf` of one packet. */
function packet(text: string): string {
  const length = Buffer.byteLength(text);
  const header = [24, 16, 8, 0].map((shift) => ((length >>> shift) & 0xff).toString(8));
  return `printf '${header.map((byte) => `\\${byte.padStart(3, "0")}`).join("")}%s' '${text}'`;
}

const protocols: [string, ProtocolOptions][] = [
  ["JSON lines", { protocol: "json-lines" }],
  ["packets of JSON", { protocol: "packets" }],
  ["packets of MessagePack", { protocol: "packets", codec: "msgpack" }],
];

describe.for(protocols)("a worker that speaks %s", ([, options]) => {
  let shared: Started;
  beforeAll(async () => {
    shared = await start(serving(options));
  });
  afterAll(async () => void (await shared.worker.stop({ graceMs: 0 })));

  test("answers many calls at once, each with its own answer", async () => {
    const calls = Array.from({ length: 1_000 }, (_, n) => shared.call("echo", { n, text: "ü😀" }));
    expect(await Promise.all(calls)).toEqual(
      Array.from({ length: 1_000 }, (_, n) => ({ n, text: "ü😀" })),
    );
  });

  test("gets and gives values of millions of bytes, beside small ones", async () => {
    const large = "x".repeat(3_000_000);
    const [first, second] = await Promise.all([shared.call("echo", large), shared.call("echo", 1)]);
    expect(first).toBe(large);
    expect(second).toBe(1);
  });

  test("streams in order", async () => {
    const chunks: unknown[] = [];
    const stream = shared.connection.stream?.("count", { to: 3_000 }, callContext());
    for await (const chunk of stream ?? []) chunks.push(chunk);
    expect(chunks).toEqual(Array.from({ length: 3_000 }, (_, n) => n + 1));
  });

  test("hears of a cancel", async () => {
    const context = callContext();
    const call = shared.connection.execute("untilCancelled", {}, context);
    await shared.connection.ping(callContext()); // the call has been sent
    context.cancel();
    expect(await call).toBe("stopped");
  });

  test("fails with type, message and trace, also of text that no codec carries", async () => {
    const error = await caught(shared.call("fail"));
    expect(error).toMatchObject({
      code: "REMOTE",
      details: { type: "RangeError", message: "half a pair: \ufffd" },
    });
  });

  test("refuses one bad value alone, on the way there and back", async () => {
    const [bad, good] = await Promise.allSettled([
      shared.call("echo", { when: new Date(0) }),
      shared.call("echo", "good"),
    ]);
    expect(good).toMatchObject({ value: "good" });
    expect(bad).toMatchObject({
      reason: { code: "SERIALIZATION", outcome: "not-started", details: { path: "args.when" } },
    });
  });

  test("hears that a session is over, and survives a listener that throws", async () => {
    shared.connection.endSession?.("throws");
    shared.connection.endSession?.("user_1");
    await expect.poll(() => shared.call("endedSessions")).toEqual(["user_1"]);
  });

  test("reports what it measures", async () => {
    shared.reports.length = 0;
    await shared.call("telemetry");
    expect(shared.reports).toEqual([
      { event: "cache", measurements: { hits: 3, ratio: 0.5 }, metadata: { name: "main" } },
    ]);
  });

  test("answers pings while every slot is taken, and is heard", async () => {
    expect(shared.connection.capabilities.pingsWhileBusy).toBe(true);
    const contexts = Array.from({ length: 8 }, () => callContext());
    const calls = contexts.map((context) =>
      shared.connection.execute("untilCancelled", {}, context),
    );
    const before = performance.now();
    await shared.connection.ping(callContext());
    expect(shared.connection.heardMs).toBeGreaterThanOrEqual(before);
    for (const context of contexts) context.cancel();
    await Promise.all(calls);
  });

  test("logs a burst at most, and reports how much was left out", async () => {
    const { call, connection, logs } = await start(serving(options));
    await call("logs", 10_000);
    await connection[Symbol.asyncDispose]();
    const reports = logs.filter(([level]) => level === "warning").map(([, text]) => text);
    const lines = logs.length - reports.length;
    expect(logs[0]).toEqual(["info", "line 0"]);
    expect(lines).toBeGreaterThanOrEqual(200);
    const dropped = reports.map((text) => Number(/^(\d+) more lines were dropped/.exec(text)?.[1]));
    expect(lines + dropped.reduce((sum, count) => sum + count, 0)).toBe(10_000);
    expect(logs.length).toBeLessThan(5_000);
  });

  test.for(["SIGTERM", "SIGINT"] as const)(
    "ends with code 0 at %s, its calls told",
    async (signal) => {
      const { call, connection, worker } = await start(serving(options));
      const call1 = call("untilCancelled");
      await connection.ping(callContext());
      process.kill(worker.pid ?? 0, signal);
      expect(await call1).toBe("stopped");
      expect(await worker.exited).toEqual({ kind: "exited", code: 0 });
    },
  );

  test("ends at SIGTERM although a handler does not listen", async () => {
    const { call, connection, worker } = await start(serving(options));
    const never = caught(call("never"));
    await connection.ping(callContext());
    process.kill(worker.pid ?? 0, "SIGTERM");
    expect(await worker.exited).toEqual({ kind: "exited", code: 0 });
    expect(await never).toMatchObject({ code: "WORKER_EXITED", details: { exitCode: 0 } });
  });

  test("ends quietly when nobody reads its stdout any more", async () => {
    const { call, worker } = await start(serving(options));
    if (worker.endpoint.kind !== "stdio") throw new Error("this worker has pipes");
    call("echo", 1).catch(() => {});
    (worker.endpoint.output as import("node:stream").Readable).destroy();
    call("echo", "x".repeat(1_000_000)).catch(() => {});
    expect(await worker.exited).toEqual({ kind: "exited", code: 0 });
    expect(worker.stderrTail()).toBe("");
  });

  test("lives on without stderr", async () => {
    const { call } = await start(serving(options));
    await call("closes", 2);
    expect(await call("echo", "alive")).toBe("alive");
  });
});

describe.each([
  {
    codec: "msgpack" as const,
    values: [
      { bytes: new Uint8Array([0, 255]), big: 2n ** 63n, numbers: [Number.NaN, 2 ** 40] },
      { n: 1 },
      { n: 2 },
    ],
  },
  {
    codec: "json" as const,
    values: [{ text: "ü😀" }, { n: 1 }, { list: [1, [2]] }],
  },
])("packets of $codec keep the contract of adapters", ({ codec, values }) => {
  const cases = adapterContract({
    adapter: () => serving({ protocol: "packets", codec }),
    echo: "echo",
    values,
    slow: { command: "untilCancelled", onCancel: "stops" },
    fail: { command: "fail", type: "RangeError", message: "half a pair: \ufffd" },
    stream: { command: "count", args: { to: 5 }, chunks: [1, 2, 3, 4, 5] },
    endlessStream: { command: "forever" },
    crash: { command: "die" },
    session: { command: "session" },
  });
  for (const { name, run } of cases) test(name, run, 60_000);
});

describe("MessagePack carries more than JSON", () => {
  test("bytes, large integers, floats of any kind, and the key __proto__", async () => {
    const { call } = await start(serving({ protocol: "packets", codec: "msgpack" }));
    const value = {
      bytes: new Uint8Array([0, 255]),
      big: 2n ** 63n,
      time: 1_800_000_000_000,
      numbers: [Number.NaN, -0, 0.1],
    };
    expect(await call("echo", value)).toEqual(value);
    expect(await call("size", new Uint8Array(2_000_000))).toBe(2_000_000);
    const proto = JSON.parse('{"__proto__":{"a":1}}');
    expect(JSON.stringify(await call("echo", proto))).toBe(JSON.stringify(proto));
  });
});

test("telemetry that cannot be carried is the fault of its handler, with the path", async () => {
  const { call, reports } = await start(serving({ protocol: "json-lines" }));
  expect(await caught(call("measuresBadly"))).toMatchObject({
    code: "SERIALIZATION",
    details: { path: "metadata.when", type: "Date" },
  });
  expect(reports).toEqual([]);
});

test("a worker that closes its stdout and lives on is lost, and its calls fail", async () => {
  const { call, connection, worker } = await start(
    shell(`echo '{"type":"ready"}'; read -r l; exec >&-; exec sleep 1000`),
  );
  expect(await caught(call("x"))).toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
  await connection.closed;
  expect(processState(worker.pid ?? 0)).toMatch(/[RS]/);
});

describe("stray output", () => {
  test("of 100 MB without a newline is one log line, and the answer behind it arrives", async () => {
    const { call, logs } = await start(serving({ protocol: "json-lines" }));
    const text = "x".repeat(100_000);
    expect(await call("prints", { text, count: 1_000, end: "\n" })).toBeNull();
    expect(logs).toHaveLength(1);
    expect(logs[0]?.[1]).toContain("a line on stdout that is no message: xxx");
  });

  test("of 100 MB in lines ends the connection, and does not block the worker", async () => {
    const { call, connection, worker } = await start(
      shell(`echo '{"type":"ready"}'; read -r l; yes noise | head -c 100000000; exit 7`),
    );
    expect(await caught(call("x"))).toMatchObject({ code: "PROTOCOL", outcome: "unknown" });
    expect(await connection.closed).toMatchObject({ code: "PROTOCOL" });
    expect(await worker.exited).toEqual({ kind: "exited", code: 7 });
  });

  test("that is no UTF-8 is logged and does no harm", async () => {
    const { call, logs } = await start(serving({ protocol: "json-lines" }));
    await call("prints", { text: '{"request_id":"77","success":true}\n' });
    await call("prints", { text: "café\n" });
    expect(logs.map(([level]) => level)).toEqual(["warning", "warning"]);
    const { call: shellCall, logs: shellLogs } = await start(
      shell(
        `printf '\\377\\376\\n{"type":"ready"}\\n'; read -r l; printf '{"request_id":"1","success":true,"result":"\\303"}\\n{"request_id":"1","success":true}\\n'; cat`,
      ),
    );
    expect(await shellCall("x")).toBeUndefined();
    expect(shellLogs).toHaveLength(2);
  });

  test("among packets ends the connection, and its text is shown", async () => {
    const { call } = await start(serving({ protocol: "packets" }));
    const error = await caught(call("prints", { text: "hello\n" }));
    expect(error).toMatchObject({ code: "PROTOCOL", outcome: "unknown" });
    expect(error.message).toContain('it looks like printed text: "hell"');
  });
});

describe("messages of any worker", () => {
  const until = "while read -r l; do";

  test("an unknown request_id is logged, in packets too; a hundred in a row are the end", async () => {
    const reply = packet('{"request_id":"77","success":true}');
    const { call, connection, logs } = await start(
      shell(
        `${packet('{"type":"ready"}')}; head -c 4 >/dev/null; i=0; while [ $i -lt 150 ]; do ${reply}; i=$((i+1)); done; cat >/dev/null`,
        "packets",
      ),
    );
    const error = await caught(call("x"));
    expect(error).toMatchObject({ code: "PROTOCOL", outcome: "unknown" });
    expect(error.message).toContain("100 lines or packets in a row");
    await connection.closed;
    expect(logs).toHaveLength(100);
  });

  test("half a packet before the exit is an exit", async () => {
    const { call } = await start(
      shell(
        `${packet('{"type":"ready"}')}; head -c 4 >/dev/null; printf '\\0\\0\\1\\0{"req'; exit 3`,
        "packets",
      ),
    );
    expect(await caught(call("x"))).toMatchObject({
      code: "WORKER_EXITED",
      outcome: "unknown",
      details: { exitCode: 3 },
    });
  });

  test("answers may come in arrays, and an array may hold the ready", async () => {
    const { call } = await start(
      shell(
        `echo '[{"type":"ready","concurrency":2},{"type":"log","message":"hi"}]'; read -r a; read -r b; echo '[{"request_id":"2","success":true,"result":"b"},{"request_id":"1","success":true,"result":"a"}]'; cat`,
      ),
    );
    expect(await Promise.all([call("x"), call("y")])).toEqual(["a", "b"]);
  });

  test("a worker that reads arrays gets the calls of one tick in one line", async () => {
    const { call } = await start(
      shell(
        `echo '{"type":"ready","concurrency":3,"batch":true}'; read -r line; n=$(printf %s "$line" | tr , '\\n' | grep -c request_id); for i in 1 2 3; do echo "{\\"request_id\\":$i,\\"success\\":true,\\"result\\":$n}"; done; cat`,
      ),
    );
    expect(await Promise.all([call("a"), call("b"), call("c")])).toEqual([3, 3, 3]);
  });

  test("a worker that does not, gets a line for each", async () => {
    const { call } = await start(
      shell(
        `echo '{"type":"ready","concurrency":2}'; read -r one; read -r two; echo '{"request_id":1,"success":true,"result":1}'; echo '{"request_id":2,"success":true,"result":2}'; cat`,
      ),
    );
    expect(await Promise.all([call("a"), call("b")])).toEqual([1, 2]);
  });

  test("an error names its call, or concerns the whole worker and is logged", async () => {
    const { call, logs } = await start(
      shell(
        `echo '{"type":"ready"}'; ${until} echo '{"type":"error","message":"low on disk"}'; echo '{"type":"error","request_id":"1","message":"no such table","error":{"type":"DbError","message":"no such table"}}'; done`,
      ),
    );
    const error = await caught(call("query"));
    expect(error).toMatchObject({ code: "REMOTE", details: { type: "DbError" } });
    expect(logs).toEqual([["error", "low on disk"]]);
  });

  test("an error without more has the message that it has", async () => {
    const { call } = await start(
      shell(
        `echo '{"type":"ready"}'; ${until} echo '{"type":"error","request_id":1,"message":"oops","traceback":"line 3"}'; done`,
      ),
    );
    expect(await caught(call("query"))).toMatchObject({
      code: "REMOTE",
      details: { type: "Error", message: "oops", traceback: "line 3" },
    });
  });

  test("telemetry keeps its numbers and drops what is none", async () => {
    const { call, reports } = await start(
      shell(
        `echo '{"type":"ready"}'; ${until} echo '{"type":"telemetry","event":"gc","measurements":{"ms":4,"x":"y"}}'; echo '{"request_id":1,"success":true}'; done`,
      ),
    );
    await call("x");
    expect(reports).toEqual([{ event: "gc", measurements: { ms: 4 }, metadata: {} }]);
  });
});

describe("a handshake", () => {
  test("of another worker is refused, with both names", async () => {
    const error = await caught(start(shell(`echo '{"type":"ready","worker_id":"w2"}'; cat`)));
    expect(error).toMatchObject({
      code: "WORKER_START_FAILED",
      details: { reason: "bad-handshake" },
    });
    expect(error.message).toContain('said ready as worker "w2"; its SNAKEPIT_WORKER_ID is w1');
  });

  test.for(['"pid":"x"', '"pid":0', '"batch":1', '"worker_id":7'])(
    "with %s is refused",
    async (member) => {
      const error = await caught(start(shell(`echo '{"type":"ready",${member}}'; cat`)));
      expect(error.details).toMatchObject({ reason: "bad-handshake" });
      expect(error.message).toContain(`said ready ${member.startsWith('"w') ? "as" : "with"}`);
    },
  );

  test("with the pid of a program that a wrapper has started is accepted", async () => {
    const { connection } = await start(
      shell(`echo '{"type":"ready","pid":1,"worker_id":"w1","concurrency":null}'; cat`),
    );
    expect(connection.capabilities).toEqual({ concurrency: 1, commands: "any" });
  });

  test("in lines where packets were expected names the mistake", async () => {
    const error = await caught(start(shell(`echo '{"type":"ready"}'; cat`, "packets")));
    expect(error.details).toMatchObject({ reason: "bad-handshake" });
    expect(error.message).toContain('it looks like printed text: "{\\"ty"');
  });
});

describe("options", () => {
  test("of packets and commands are checked, and the closest name is given", () => {
    const make = () =>
      processAdapter({
        program: "ruby",
        protocol: "packet",
        codec: "messagepack",
        commands: {
          add: { validat() {}, timeoutMs: 0, prepare: 5 },
          sub: null,
        },
      } as never);
    for (const problem of [
      'protocol must be one of "json-lines", "packets", not "packet"',
      'codec must be one of "json", "msgpack", not "messagepack"',
      'commands["add"] has no option "validat"; meant validate?',
      'commands["add"].timeoutMs must be a positive number of milliseconds, or Infinity, not 0',
      'commands["add"].prepare must be a function, not 5',
      'commands["sub"] must be an object, not null',
    ]) {
      expect(make).toThrow(problem);
    }
    expect(() =>
      processAdapter({ program: "ruby", protocol: "json-lines", commands: [] } as never),
    ).toThrow("commands must be an object, not an array");
  });

  test("of a worker are checked like those of its adapter", () => {
    const make = () =>
      serveWorker({ add: 5 } as never, { concurency: 2, onSessionEnd: true } as never);
    for (const problem of [
      "add must be a function, not 5",
      'serveWorker has no option "concurency"; meant concurrency?',
      "onSessionEnd must be a function, not true",
    ]) {
      expect(make).toThrow(problem);
    }
    expect(() => serveWorker(undefined as never)).toThrow(
      "the handlers must be an object of functions, not undefined",
    );
    expect(() => serveJsonLines({}, { protocol: "packets" } as never)).toThrow(
      'serveJsonLines has no option "protocol"',
    );
  });

  test("codec belongs to packets", () => {
    const problem = 'codec is for protocol "packets"; lines are always JSON';
    const options = { protocol: "json-lines", codec: "json" } as const;
    expect(() => processAdapter({ program: "ruby", ...options })).toThrow(problem);
    expect(() => nodeAdapter({ script: "worker.mjs", codec: "json" })).toThrow(problem);
    expect(() => serveWorker({}, options)).toThrow(problem);
  });

  test("a program that does not exist is reported with the PATH that was searched", async () => {
    const adapter = processAdapter({ program: "no-such-ruby", protocol: "packets" });
    const error = await caught(start(adapter));
    expect(error.details).toMatchObject({ reason: "not-found" });
    expect(error.message).toContain('no program "no-such-ruby" was found (PATH is ');
    const directory = mkdtempSync(join(tmpdir(), "snakepit-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "worker");
    const missing = processAdapter({ program: path, protocol: "packets" });
    expect((await caught(start(missing))).message).toContain(`there is no program ${path}`);
  });
});
