import { describe, expect, test } from "vitest";
import type { Adapter, Connection } from "../adapter.ts";
import { SnakepitError } from "../errors.ts";
import { fixture } from "../fixtures/processes.ts";
import { nodeAdapter } from "../process/index.ts";
import {
  type AdapterContractOptions,
  adapterContract,
  type FakeHandler,
  fakeAdapter,
} from "./index.ts";

const pause = () => new Promise((resolve) => setTimeout(resolve, 1));

const handlers: Record<string, FakeHandler> = {
  echo: (args) => structuredClone(args),
  slow: (_, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    }),
  fail: () => {
    const details = { type: "TypeError", message: "of no use" };
    throw new SnakepitError("REMOTE", "of no use", { details });
  },
  session: (_, { session }) => session?.id,
  async *count() {
    for (let n = 1; n <= 5; n++) yield n;
  },
  async *forever() {
    for (let n = 1; ; n++) {
      await pause();
      yield n;
    }
  },
};

const fake: AdapterContractOptions = {
  adapter: () => fakeAdapter({ handlers }),
  echo: "echo",
  slow: { command: "slow", onCancel: "stops" },
  fail: { command: "fail", type: "TypeError", message: "of no use" },
  stream: { command: "count", chunks: [1, 2, 3, 4, 5] },
  endlessStream: { command: "forever" },
  crash: "absent", // its workers are killed from outside only
  session: { command: "session" },
  missingProgram: "absent", // there is no program
};

describe("the fake adapter", () => {
  for (const { name, run } of adapterContract(fake)) test(name, run);
});

describe("the adapter for Node", () => {
  const script = fixture("node-worker.mjs");
  const cases = adapterContract({
    adapter: () => nodeAdapter({ script }),
    echo: "echo",
    slow: { command: "untilCancelled", onCancel: "stops" },
    fail: { command: "fail", type: "TypeError", message: "of no use" },
    stream: { command: "count", args: { to: 5 }, chunks: [1, 2, 3, 4, 5] },
    endlessStream: { command: "flood", args: { text: "more" } },
    crash: { command: "die", args: "SIGKILL" },
    session: { command: "session" },
  });
  for (const { name, run } of cases) test(name, run, 60_000);
});

describe("a worker that ignores its cancels", () => {
  const deaf: AdapterContractOptions = {
    ...fake,
    adapter: () => fakeAdapter({ handlers: { ...handlers, slow: () => new Promise(() => {}) } }),
    slow: { command: "slow", onCancel: "runs-on" },
  };
  for (const { name, run } of adapterContract(deaf)) test(name, run);
});

/** The suite for the fake adapter, with something changed on its connections or on itself. */
function faulty(
  change: (connection: Connection) => Partial<Connection>,
  changed: Partial<Adapter> = {},
): AdapterContractOptions {
  const adapter = (): Adapter => {
    const inner = fakeAdapter({ handlers });
    return {
      name: "faulty",
      launcher: inner.launcher,
      spec: () => inner.spec(),
      async connect(process, options) {
        const connection = await inner.connect(process, options);
        const { capabilities } = connection;
        const same: Connection = {
          capabilities,
          execute: (command, args, context) => connection.execute(command, args, context),
          stream: (command, args, context) => streamOf(connection, command, args, context),
          ping: (context) => connection.ping(context),
          [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
        };
        return { ...same, ...change(same) };
      },
      ...changed,
    };
  };
  return { ...fake, adapter, timeoutMs: 500 };
}

function streamOf(connection: Connection, ...call: Parameters<Connection["execute"]>) {
  if (connection.stream === undefined) throw new Error("the fake adapter streams");
  return connection.stream(...call);
}

test("an adapter without a fault passes, also by way of another", async () => {
  for (const { run } of adapterContract(faulty(() => ({})))) await run();
});

const { missingProgram: _, ...withProgram } = fake;

test.each<[string, AdapterContractOptions, string]>([
  [
    "no slots",
    faulty(() => ({ capabilities: { concurrency: 0, commands: "any" } })),
    "a worker becomes ready in time and says what it can do",
  ],
  [
    "commands that are left out",
    faulty(() => ({ capabilities: { concurrency: 1, commands: new Set(["echo"]) } })),
    "a worker becomes ready in time and says what it can do",
  ],
  [
    "a handshake that never ends",
    faulty(() => ({}), { connect: () => new Promise(() => {}) }),
    "a start that nobody waits for any more ends and leaves no process",
  ],
  [
    "a start without a program",
    withProgram,
    "a start without its program fails, with WORKER_START_FAILED",
  ],
  [
    "values that are changed",
    faulty(() => ({ execute: async () => ({}) })),
    "each of 55 values comes back as it was sent",
  ],
  [
    "answers that are mixed up",
    faulty(({ execute }) => {
      let last: unknown = { n: -1 };
      return {
        async execute(...call) {
          const before = last;
          last = await execute(...call);
          return before;
        },
      };
    }),
    "of many calls at once each gets its own answer",
  ],
  [
    "commands that are invented",
    faulty(() => ({ execute: async (_command, args) => args })),
    "an unknown command is refused, and the worker goes on",
  ],
  [
    "no pings",
    faulty(() => ({ ping: () => new Promise(() => {}) })),
    "a ping is answered, also by a busy worker that has promised it",
  ],
  [
    "pings that wait for a slot",
    faulty(({ capabilities, execute, ping }) => {
      let busy = false;
      return {
        capabilities: { ...capabilities, pingsWhileBusy: true },
        execute(...call) {
          busy = true;
          return execute(...call);
        },
        ping: (context) => (busy ? new Promise(() => {}) : ping(context)),
      };
    }),
    "a ping is answered, also by a busy worker that has promised it",
  ],
  [
    "errors that lose their type",
    faulty(({ execute }) => ({
      execute: (...call) =>
        execute(...call).catch((error: Error) => {
          throw new Error(error.message);
        }),
    })),
    "the error of a handler arrives with its type and message, and the worker goes on",
  ],
  [
    "sessions that are not told",
    faulty(() => ({ execute: async () => undefined })),
    "the worker hears of the session",
  ],
  [
    "cancels that are not confirmed",
    { ...fake, adapter: () => fakeAdapter({ confirmCancelAfterMs: 60_000 }), timeoutMs: 500 },
    "a cancelled call is confirmed",
  ],
  [
    "chunks that come twice",
    faulty((connection) => ({
      async *stream(...call) {
        for await (const chunk of streamOf(connection, ...call)) yield* [chunk, chunk];
      },
    })),
    "the chunks of streams arrive in order, none twice",
  ],
  [
    "streams that cannot be left",
    faulty((connection) => ({
      stream(...call) {
        const source = streamOf(connection, ...call)[Symbol.asyncIterator]();
        const next = () => source.next();
        return { [Symbol.asyncIterator]: () => ({ next, return: () => new Promise(() => {}) }) };
      },
    })),
    "leaving a stream ends its producer, and the worker goes on",
  ],
  [
    "streams where there should be none",
    { ...fake, stream: "absent" },
    "a stream is refused by workers that cannot stream",
  ],
])("%s are found by the case of that name", async (_fault, options, name) => {
  const found = adapterContract(options).find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no case "${name}"`);
  await expect(found.run()).rejects.toThrow();
});

test("a part that is neither offered nor absent is asked for by its name", () => {
  const { stream, slow, ...rest } = fake;
  const make = () => adapterContract({ ...rest, endlesStream: "absent" } as never);
  expect(make).toThrow(/slow must be an object with a command, or "absent", not undefined/);
  expect(make).toThrow(/stream must be an object/);
  expect(make).toThrow(/no option "endlesStream"; meant endlessStream\?/);
  expect(() => adapterContract(undefined as never)).toThrow(/INVALID_OPTIONS/);
});
