import type { Readable } from "node:stream";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Connection } from "../adapter.ts";
import { callContext } from "../fixtures/call-context.ts";
import { caught } from "../fixtures/caught.ts";
import { fixture, untilGone } from "../fixtures/processes.ts";
import type { WorkerProcess } from "../launcher.ts";
import { localLauncher } from "../local/local-launcher.ts";
import {
  nodeAdapter,
  type ProcessAdapterOptions,
  processAdapter,
  type WorkerLog,
} from "./index.ts";

const signal = new AbortController().signal;

async function started(
  adapter: ReturnType<typeof processAdapter>,
): Promise<{ connection: Connection; worker: WorkerProcess }> {
  const worker = await localLauncher().launch(adapter.spec(), { workerId: "w1", signal });
  if (expect.getState().currentTestName !== undefined) {
    onTestFinished(async () => {
      await worker.stop({ graceMs: 0 });
    });
  }
  return {
    worker,
    connection: await adapter.connect(worker, { signal, log: () => {}, telemetry: () => {} }),
  };
}

/** For tests that leave their worker as it was: Node takes its time to start. */
let shared: Awaited<ReturnType<typeof nodeWorker>>;
beforeAll(async () => {
  shared = await nodeWorker();
  return async () => {
    await shared.worker.stop({ graceMs: 0 });
  };
});

async function nodeWorker(onLog?: (log: WorkerLog) => void) {
  const script = fixture("node-worker.mjs");
  const { connection, worker } = await started(
    nodeAdapter({ script, ...(onLog === undefined ? {} : { onLog }) }),
  );
  return {
    worker,
    connection,
    call: (command: string, args?: unknown) => connection.execute(command, args, callContext()),
    stream: (command: string, args?: unknown, context = callContext()) => {
      const stream = connection.stream?.(command, args, context);
      if (stream === undefined) throw new Error("this connection must stream");
      return stream;
    },
  };
}

/** A worker that says `script` on its stdout, line by line as `sh` has it. */
function shell(script: string, more: Partial<ProcessAdapterOptions> = {}) {
  return processAdapter({ program: "sh", args: ["-c", script], protocol: "json-lines", ...more });
}

describe("a worker of five lines", () => {
  test("answers calls, many at once, each with its own answer", async () => {
    const { call, connection } = await nodeWorker();
    expect(connection.capabilities.concurrency).toBe(8);
    const sums = Array.from({ length: 200 }, (_, a) => call("add", { a, b: 1 }));
    expect(await Promise.all(sums)).toEqual(Array.from({ length: 200 }, (_, a) => a + 1));
  });

  test("gets and gives values as they are", async () => {
    const { call } = shared;
    const value = JSON.parse('{"__proto__":{"a":1},"ü":["😀",null,true,-1.5e300,""],"n":{"m":[]}}');
    expect(JSON.stringify(await call("echo", value))).toBe(JSON.stringify(value));
    expect(await call("echo")).toEqual({});
    expect(await call("echo", null)).toBeNull();
    const large = "x".repeat(3_000_000);
    expect(await call("echo", large)).toBe(large);
  });

  test("hears of the session", async () => {
    const { connection, call } = shared;
    expect(await call("session")).toBeNull();
    expect(await connection.execute("session", {}, callContext({ id: "user_1" }))).toBe("user_1");
  });

  test("may print without harm", async () => {
    const { call, worker } = shared;
    expect(await call("print", '{"request_id":"1","success":true,"result":"wrong"}')).toBe(
      "printed",
    );
    expect(await call("add", { a: 1, b: 1 })).toBe(2);
    expect(worker.stderrTail()).toContain("this goes to stderr");
  });

  test("logs to its host", async () => {
    const logs: WorkerLog[] = [];
    const { call } = await nodeWorker((log) => logs.push(log));
    await call("log");
    expect(logs).toEqual([{ workerId: "w1", level: "info", message: "hello" }]);
  });

  test("answers a ping, also while its only slots are taken", async () => {
    const { connection, call } = await nodeWorker();
    await connection.ping(callContext());
    const waiting = Array.from({ length: 8 }, () => call("untilCancelled"));
    for (const each of waiting) each.catch(() => {});
    await connection.ping(callContext());
  });

  test("ends when its host says goodbye", async () => {
    const { connection, worker } = await nodeWorker();
    await connection[Symbol.asyncDispose]();
    expect(await worker.exited).toEqual({ kind: "exited", code: 0 });
    const error = await caught(connection.execute("echo", 1, callContext()));
    expect(error).toMatchObject({ code: "WORKER_EXITED", outcome: "not-started" });
  });
});

describe("streams", () => {
  test("bring every chunk in order", async () => {
    const { stream } = shared;
    const chunks: unknown[] = [];
    for await (const chunk of stream("count", { to: 5_000 })) chunks.push(chunk);
    expect(chunks).toEqual(Array.from({ length: 5_000 }, (_, index) => index + 1));
  });

  test("throw after the chunks that came before the error", async () => {
    const { stream } = shared;
    const chunks: unknown[] = [];
    const reading = (async () => {
      for await (const chunk of stream("broken")) chunks.push(chunk);
    })();
    const error = await caught(reading);
    expect(chunks).toEqual(["first"]);
    expect(error).toMatchObject({ code: "REMOTE", details: { type: "RangeError" } });
  });

  test("of a slow reader slow the worker down, and leaving them ends the generator", async () => {
    const { call, stream } = await nodeWorker();
    let count = 0;
    for await (const chunk of stream("flood", { text: "x".repeat(1_000) })) {
      expect(chunk).toHaveLength(1_000);
      if (++count === 5_000) break;
    }
    expect(await call("finallyRan")).toBe(1);
  });

  test("leave what nobody reads in the pipe of the worker", async () => {
    const { call, stream, worker } = await nodeWorker();
    if (worker.endpoint.kind !== "stdio") throw new Error("this worker has pipes");
    const output = worker.endpoint.output as Readable;
    const chunks = stream("count", { to: 20_000 })[Symbol.asyncIterator]();
    await chunks.next();
    await expect.poll(() => output.isPaused()).toBe(true);
    let last: unknown;
    for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) last = chunk;
    expect(last).toBe(20_000);
    expect(output.isPaused()).toBe(false);
    expect(await call("echo", "alive")).toBe("alive");
  });

  test("end at a cancel, and the worker confirms it", async () => {
    const { call, stream } = await nodeWorker();
    const context = callContext();
    let count = 0;
    for await (const _ of stream("flood", { text: "x" }, context)) {
      if (++count === 10) context.cancel();
    }
    expect(count).toBeGreaterThanOrEqual(10);
    expect(await call("finallyRan")).toBe(1);
  });

  test("of a command that does not stream are its only chunk, and the other way round", async () => {
    const { call, stream } = shared;
    const chunks: unknown[] = [];
    for await (const chunk of stream("add", { a: 1, b: 2 })) chunks.push(chunk);
    expect(chunks).toEqual([3]);
    expect(await call("count", { to: 3 })).toEqual([1, 2, 3]);
  });

  test("report a worker that dies in the middle", async () => {
    const { worker, stream } = await nodeWorker();
    const reading = (async () => {
      let count = 0;
      for await (const _ of stream("flood", { text: "x" })) {
        if (++count === 10 && worker.pid !== undefined) process.kill(worker.pid, "SIGKILL");
      }
    })();
    const error = await caught(reading);
    expect(error).toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
    expect(error.details).toMatchObject({ signal: "SIGKILL" });
  });
});

describe("errors", () => {
  test("of a handler arrive with type, message and stack", async () => {
    const { call } = shared;
    const error = await caught(call("fail"));
    expect(error.message).toBe("[REMOTE] TypeError in fail: of no use");
    expect(error).toMatchObject({ code: "REMOTE", outcome: "failed" });
    expect(error.details).toMatchObject({
      type: "TypeError",
      message: "of no use",
      traceback: expect.stringContaining("node-worker.mjs"),
      workerId: "w1",
    });
  });

  test("an unknown command is refused before it is sent, with the closest one", async () => {
    const { call } = shared;
    const error = await caught(call("ecko"));
    expect(error).toMatchObject({ code: "UNKNOWN_COMMAND", outcome: "not-started" });
    expect(error.message).toContain("meant echo?");
  });

  test("an unknown command is refused by a worker that did not say what it knows", async () => {
    const reply =
      '{"request_id":"1","success":false,"error":{"type":"unknown_command","message":"?"}}';
    const { connection } = await started(
      shell(`echo '{"type":"ready"}'; read -r line; echo '${reply}'; cat >/dev/null`),
    );
    expect(connection.capabilities).toEqual({ concurrency: 1, commands: "any" });
    const error = await caught(connection.execute("what", {}, callContext()));
    expect(error).toMatchObject({ code: "UNKNOWN_COMMAND", outcome: "not-started" });
  });

  test.for<[string, unknown, string]>([
    ["bigint", { items: [1, 2n] }, "args.items[1]"],
    ["NaN", { ratio: Number.NaN }, "args.ratio"],
    ["function", { after: { run() {} } }, "args.after.run"],
    ["Date", [new Date(0)], "args[0]"],
    ["Set", new Set([1]), "args"],
  ])("%s is refused before it is sent, and alone", async ([, value, path]) => {
    const { call } = shared;
    const [bad, good] = await Promise.allSettled([call("echo", value), call("echo", "good")]);
    expect(good).toEqual({ status: "fulfilled", value: "good" });
    expect(bad).toMatchObject({
      reason: { code: "SERIALIZATION", outcome: "not-started", details: { path } },
    });
  });

  test("a circle is refused, by its name", async () => {
    const { call } = shared;
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const error = await caught(call("echo", circle));
    expect(error).toMatchObject({ code: "SERIALIZATION" });
    expect(error.details).toMatchObject({ type: "circular reference" });
  });

  test("an answer that JSON cannot carry fails its call and no other", async () => {
    const { call } = shared;
    const error = await caught(call("date"));
    expect(error).toMatchObject({ code: "SERIALIZATION", outcome: "failed" });
    expect(error.details).toMatchObject({ path: "result.when", type: "Date" });
    expect(await call("echo", 1)).toBe(1);
  });
});

describe("a cancel", () => {
  test("reaches the handler, and the call ends when the handler does", async () => {
    const { connection } = shared;
    const context = callContext();
    const call = connection.execute("untilCancelled", {}, context);
    await connection.ping(callContext()); // the call has been sent
    context.cancel();
    expect(await call).toBe("stopped");
  });

  test("takes back a call that has not left yet", async () => {
    const { connection } = shared;
    const context = callContext();
    const call = connection.execute("untilCancelled", {}, context);
    context.cancel();
    expect(await caught(call)).toMatchObject({ code: "CANCELLED", outcome: "not-started" });
  });
});

describe("a worker that ends", () => {
  test("by itself fails its calls with its exit code", async () => {
    const { call } = await nodeWorker();
    const [waiting, exiting] = await Promise.all([
      caught(call("untilCancelled")),
      caught(call("exit", 7)),
    ]);
    for (const error of [waiting, exiting]) {
      expect(error).toMatchObject({ code: "WORKER_EXITED", outcome: "unknown" });
      expect(error.details).toMatchObject({ exitCode: 7, workerId: "w1" });
      expect(error.message).toContain("exited with code 7");
    }
  });

  test("by a signal fails its calls with the signal and its last words", async () => {
    const { call, connection } = await nodeWorker();
    const error = await caught(call("die", "SIGSEGV"));
    expect(error.details).toMatchObject({ signal: "SIGSEGV", stderr: "so long\n" });
    await connection.closed;
  });

  test("after its answer has still answered", async () => {
    const { call } = await nodeWorker();
    expect(await call("answerAndExit", "x".repeat(100_000))).toHaveLength(100_000);
  });

  test("is known although a grandchild holds its pipes", async () => {
    const { connection, worker } = await started(
      shell(`setsid sleep 1000 & printf '{"type":"ready","pid":%s}\\n' $$; read -r line; exit 3`),
    );
    const error = await caught(connection.execute("anything", {}, callContext()));
    expect(error.details).toMatchObject({ exitCode: 3 });
    await worker.stop({ graceMs: 0 });
  });
});

describe("a start that fails says why", () => {
  const cases: [string, string, Record<string, unknown>, string][] = [
    [
      "exit",
      "echo 'bad import' >&2; exit 9",
      { reason: "exited", exitCode: 9, stderr: "bad import\n" },
      "exited with code 9 before it was ready; its last words:\nbad import",
    ],
    ["signal", "kill -9 $$", { reason: "exited", signal: "SIGKILL" }, "was ended by SIGKILL"],
    [
      "another language",
      'i=0; while [ $i -lt 150 ]; do echo "hello $i"; i=$((i+1)); done; cat',
      { reason: "bad-handshake" },
      "wrote 100 lines or packets in a row that are no messages; its stdout said: hello 99",
    ],
    [
      "closed stdout",
      "exec >&-; cat >/dev/null; sleep 1000",
      { reason: "bad-handshake" },
      "closed its stdout before it was ready",
    ],
    [
      "wrong concurrency",
      `echo '{"type":"ready","concurrency":0}'; cat`,
      { reason: "bad-handshake" },
      "said ready with concurrency: 0; an integer of at least 1 is allowed",
    ],
    [
      "wrong commands",
      `echo '{"type":"ready","commands":{}}'; cat`,
      { reason: "bad-handshake" },
      "said ready with commands: an object; an array of strings is allowed",
    ],
  ];
  test.for(cases)("%s", async ([, script, details, message]) => {
    const error = await caught(started(shell(script)));
    expect(error).toMatchObject({ code: "WORKER_START_FAILED", outcome: "not-started" });
    expect(error.details).toMatchObject(details);
    expect(error.message).toContain(message);
  });

  test("silence, after startTimeoutMs", async () => {
    const error = await caught(started(shell("cat >/dev/null", { startTimeoutMs: 50 })));
    expect(error.details).toMatchObject({ reason: "timeout" });
    expect(error.message).toContain("was not ready after 50 ms");
  });

  test("an abort, with the abort's own reason", async () => {
    const adapter = shell("cat >/dev/null");
    const worker = await localLauncher().launch(adapter.spec(), { workerId: "w1", signal });
    onTestFinished(async () => {
      await worker.stop({ graceMs: 0 });
    });
    const abort = new AbortController();
    const connecting = adapter.connect(worker, {
      signal: abort.signal,
      log: () => {},
      telemetry: () => {},
    });
    abort.abort(new Error("changed my mind"));
    await expect(connecting).rejects.toThrow("changed my mind");
    await untilGone([worker.pid ?? 0]); // its stdin has ended
  });

  test("a script that is not there", () => {
    const adapter = nodeAdapter({ script: "/nowhere/worker.mjs" });
    expect(() => adapter.spec()).toThrow(
      "[WORKER_START_FAILED] there is no script /nowhere/worker.mjs",
    );
  });
});

describe("noise", () => {
  test("on stdout is logged and does no harm, before and after the start", async () => {
    const logs: string[] = [];
    const noise = `echo noise; echo '[1]'; echo; echo '{"request_id":"77","success":true}'; printf '"\\377"\\n'`;
    const reply = '{"request_id":1,"success":true,"result":"numbers are ids too"}';
    const { connection } = await started(
      shell(`${noise}; echo '{"type":"ready"}'; read -r l; ${noise}; echo '${reply}'; cat`, {
        onLog: (log) => logs.push(log.message),
      }),
    );
    expect(await connection.execute("x", {}, callContext())).toBe("numbers are ids too");
    expect(logs).toHaveLength(8);
  });

  test("without end closes the connection and fails its calls", async () => {
    const { connection } = await started(
      shell(`echo '{"type":"ready"}'; read -r l; while :; do echo noise; done`),
    );
    const error = await caught(connection.execute("x", {}, callContext()));
    expect(error).toMatchObject({ code: "PROTOCOL", outcome: "unknown" });
    await connection.closed;
  });

  test("of a listener that throws stays its own", async () => {
    const { call } = await nodeWorker(() => {
      throw new Error("in the listener");
    });
    await call("log");
    expect(await call("echo", 1)).toBe(1);
  });
});

describe("options", () => {
  test("report every problem at once, and the closest known name", () => {
    const make = () =>
      processAdapter({
        program: "",
        protocol: "xml",
        startTimeoutMS: 5,
        concurrency: 0,
        args: "worker.rb",
      } as never);
    for (const problem of [
      "[INVALID_OPTIONS]",
      'processAdapter has no option "startTimeoutMS"; meant startTimeoutMs?',
      'program must be a string that is not empty, not ""',
      'protocol must be one of "json-lines", "packets", not "xml"',
      "concurrency must be an integer of at least 1, not 0",
      'args must be an array of strings, not "worker.rb"',
    ]) {
      expect(make).toThrow(problem);
    }
    expect(() => nodeAdapter({ path: "worker.mjs" } as never)).toThrow(
      "script must be a path or a file: URL, not undefined",
    );
    expect(() => processAdapter(undefined as never)).toThrow("[INVALID_OPTIONS]");
    expect(() => nodeAdapter(undefined as never)).toThrow("[INVALID_OPTIONS]");
  });

  test("concurrency is what both allow", async () => {
    const ready = (n: number) =>
      shell(`echo '{"type":"ready","concurrency":${n}}'; cat`, { concurrency: 4 });
    const { connection: few } = await started(ready(2));
    const { connection: many } = await started(ready(64));
    expect(few.capabilities.concurrency).toBe(2);
    expect(many.capabilities.concurrency).toBe(4);
  });
});
