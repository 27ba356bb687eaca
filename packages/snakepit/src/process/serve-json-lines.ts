import { callback, checkIntegers, checkKinds, checkKnownKeys } from "../check-options.ts";
import { SnakepitError } from "../errors.ts";
import { unknownCommandText } from "./failures.ts";
import { toJson } from "./json-value.ts";
import { LineReader, LineWriter, parseObject } from "./lines.ts";

/** What a handler may know of the call that it works on. */
export interface ServedCall {
  /** Aborts when the caller has gone. Nobody waits for the answer then, only for the end. */
  readonly signal: AbortSignal;
  readonly sessionId: string | undefined;
  /** A line for the host's log. */
  log(level: "debug" | "info" | "warning" | "error", message: string): void;
}

/**
 * One command: returns the answer or a promise of it; an async generator streams what it yields.
 * Nobody has checked the arguments.
 */
// biome-ignore lint/suspicious/noExplicitAny: each handler names the type that it expects
export type Handler = (args: any, call: ServedCall) => unknown;

export interface ServeOptions {
  /** Calls at once that this worker is willing to have. Default: 1. */
  readonly concurrency?: number;
}

/** A line longer than any that the host sends is a fault. */
const MAX_LINE_BYTES = 1024 * 1024 * 1024;
/** How long a stream may run before it lets the event loop see cancels and other calls. */
const TURN_MS = 5;

/**
 * Makes this process a worker: it answers calls on stdin until its host hangs up, then it ends.
 * stdout belongs to the protocol from now on; `console.log` writes to stderr instead.
 *
 * A handler called as a stream gives its result as the only chunk; a generator called without one
 * answers with the list of what it yielded.
 * @throws SnakepitError INVALID_OPTIONS
 */
export function serveJsonLines(
  handlers: Readonly<Record<string, Handler>>,
  options: ServeOptions = {},
): void {
  const { concurrency = 1 } = options;
  const kinds = Object.fromEntries(Object.keys(handlers).map((name) => [name, callback]));
  const problems = [
    ...checkKnownKeys("serveJsonLines", options, ["concurrency"]),
    ...checkIntegers({ concurrency }, { concurrency: 1 }),
    ...checkKinds(handlers, kinds, Object.keys(handlers)),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  new Server(new Map(Object.entries(handlers))).start(concurrency);
}

type Message = Readonly<Record<string, unknown>>;

class Server {
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #writer: LineWriter;
  readonly #calls = new Map<unknown, AbortController>();
  #lastTurnMs = 0;

  constructor(handlers: ReadonlyMap<string, Handler>) {
    this.#handlers = handlers;
    this.#writer = ownStdout();
  }

  start(concurrency: number): void {
    const lines = new LineReader({
      maxBytes: MAX_LINE_BYTES,
      line: (line) => this.#line(line),
    });
    process.stdin.on("data", (chunk: Buffer) => {
      if (!lines.push(chunk)) process.exit(1);
    });
    // The host is gone or has no more work. Whatever still runs has nobody to answer.
    process.stdin.once("end", () => process.exit(0));
    process.stdin.once("error", () => process.exit(0));
    this.#write({
      type: "ready",
      pid: process.pid,
      worker_id: process.env["SNAKEPIT_WORKER_ID"],
      concurrency,
      commands: [...this.#handlers.keys()],
    });
  }

  #line(line: Buffer): void {
    const message = parseObject(line);
    if (message === undefined) {
      if (line.length > 0) console.error("not a message:", line.toString("utf8").slice(0, 200));
      return;
    }
    const id = message["request_id"];
    if (message["type"] === "health_check") {
      this.#write({ type: "health_response", request_id: id });
    } else if (message["type"] === "cancel") {
      this.#calls.get(id)?.abort(new SnakepitError("CANCELLED", "the caller has gone"));
    } else if (typeof message["command"] === "string") {
      void this.#answer(id, message["command"], message);
    }
  }

  /** Exactly one answer, whatever the handler does. */
  async #answer(id: unknown, command: string, message: Message): Promise<void> {
    const handler = this.#handlers.get(command);
    if (handler === undefined) {
      this.#fail(id, unknownCommand(command, this.#handlers.keys()));
      return;
    }
    const controller = new AbortController();
    this.#calls.set(id, controller);
    try {
      const sessionId = message["session_id"];
      const result = await Promise.resolve(
        handler(message["args"], {
          signal: controller.signal,
          sessionId: typeof sessionId === "string" ? sessionId : undefined,
          log: (level, text) => this.#write({ type: "log", level, message: String(text) }),
        }),
      );
      if (message["stream"] === true) await this.#stream(id, result, controller.signal);
      else this.#reply(id, `"success":true,"result":${toJson(await collected(result), "result")}`);
    } catch (error) {
      this.#fail(id, describeError(error));
    } finally {
      this.#calls.delete(id);
    }
  }

  async #stream(id: unknown, result: unknown, signal: AbortSignal): Promise<void> {
    if (!isAsyncIterable(result)) {
      this.#reply(id, `"chunk":${toJson(result, "chunk")},"is_final":true`);
      return;
    }
    for await (const chunk of result) {
      if (signal.aborted) break; // ends the generator, which runs its `finally`
      this.#reply(id, `"chunk":${toJson(chunk, "chunk")},"is_final":false`);
      await this.#writer.blocked();
      await this.#turn();
    }
    this.#reply(id, '"is_final":true');
  }

  /** A generator that never waits would keep the event loop from reading its cancel. */
  async #turn(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#lastTurnMs < TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#lastTurnMs = performance.now();
  }

  #reply(id: unknown, rest: string): void {
    this.#writer.push(`{"request_id":${JSON.stringify(id)},${rest}}`);
  }

  #fail(id: unknown, error: Message): void {
    this.#reply(id, `"success":false,"error":${errorJson(error)}`);
  }

  #write(message: Message): void {
    this.#writer.push(JSON.stringify(message));
  }
}

/** The real stdout, for the protocol alone; everybody else's writes go to stderr. */
function ownStdout(): LineWriter {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  return new LineWriter(stdout, write);
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

async function collected(result: unknown): Promise<unknown> {
  if (!isAsyncIterable(result)) return result;
  const chunks: unknown[] = [];
  for await (const chunk of result) chunks.push(chunk);
  return chunks;
}

function unknownCommand(command: string, commands: Iterable<string>): Message {
  const message = unknownCommandText(command, commands);
  return { type: "UNKNOWN_COMMAND", code: "UNKNOWN_COMMAND", message, begun: false };
}

/** As README.md beside this file has it. A thrown string or number is an error too. */
function describeError(error: unknown): Message {
  if (!(error instanceof Error)) return { type: "Error", message: String(error) };
  const { name, message, stack } = error;
  if (!SnakepitError.is(error)) return { type: name, message, traceback: stack };
  const { type = error.code, ...details } = error.details as Message;
  return {
    type,
    code: error.code,
    message: message.replace(`[${error.code}] `, ""),
    traceback: stack,
    details,
  };
}

function errorJson(error: Message): string {
  try {
    return JSON.stringify(error);
  } catch {
    // Details that JSON cannot carry: the error is worth more than they are.
    const { details: _, ...rest } = error;
    return JSON.stringify(rest);
  }
}
