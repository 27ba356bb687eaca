import type { CallContext, Capabilities, Connection } from "../adapter.ts";
import { SnakepitError } from "../errors.ts";
import { exitText } from "../exit-report.ts";
import { graceTimer } from "../grace-timer.ts";
import type { WorkerExit, WorkerProcess } from "../launcher.ts";
import { startTimer } from "../timer.ts";
import { STREAM_CREDIT } from "../wire/records.ts";
import { StreamReader } from "../wire/stream-reader.ts";
import {
  type LostOutcome,
  replyError,
  startFailed,
  unknownCommand,
  workerLost,
} from "./failures.ts";
import { toJson } from "./json-value.ts";
import { LineReader, LineWriter, parseObject, type QueuedLine } from "./lines.ts";

/** A longer line is taken for a worker gone wild. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
/** So many lines without a meaning, one after another, and the worker speaks another language. */
const MAX_NOISE = 100;
/** How long a lost connection waits for the report of the exit that explains it. */
const EXIT_REPORT_MS = 100;

export interface WorkerLog {
  readonly workerId: string;
  /** As the worker names it; `warning` for what the host noticed itself. */
  readonly level: string;
  readonly message: string;
}

export interface JsonLinesOptions {
  readonly signal: AbortSignal;
  readonly startTimeoutMs: number;
  /** Calls at once, when the worker allows as many. */
  readonly concurrency: number | undefined;
  readonly onLog: ((log: WorkerLog) => void) | undefined;
}

type Message = Readonly<Record<string, unknown>>;

type Pending =
  | {
      readonly kind: "call";
      readonly command: string;
      readonly line: QueuedLine;
      cancelSent: boolean;
      resolve(value: unknown): void;
      reject(error: unknown): void;
    }
  | {
      readonly kind: "stream";
      readonly command: string;
      readonly line: QueuedLine;
      cancelSent: boolean;
      readonly reader: StreamReader;
      /** What was handed to the reader and not consumed yet. */
      readonly ahead: { chunks: number; bytes: number };
    }
  | { readonly kind: "ping"; resolve(): void; reject(error: unknown): void };

/**
 * Speaks JSON lines with a fresh worker: waits for its `ready`, then carries calls.
 * @throws SnakepitError WORKER_START_FAILED (`exited`, `timeout`, `bad-handshake`); the signal's
 * reason when it aborts
 */
export async function connectJsonLines(
  process: WorkerProcess,
  options: JsonLinesOptions,
): Promise<Connection> {
  options.signal.throwIfAborted();
  const connection = new JsonLinesConnection(process, options);
  let timer: Disposable | undefined;
  let abort = () => {};
  const givenUp = new Promise<never>((_, reject) => {
    abort = () => reject(options.signal.reason);
    options.signal.addEventListener("abort", abort, { once: true });
    const expire = () =>
      reject(startFailed(process, "timeout", `was not ready after ${options.startTimeoutMs} ms`));
    timer = startTimer(options.startTimeoutMs, expire);
  });
  try {
    await Promise.race([connection.ready, givenUp]);
    return connection;
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  } finally {
    timer?.[Symbol.dispose]();
    options.signal.removeEventListener("abort", abort);
  }
}

class JsonLinesConnection implements Connection {
  capabilities: Capabilities = { concurrency: 1, commands: "any" };
  readonly closed: Promise<Error | undefined>;
  /** Settles once: with the worker's `ready`, or with why it will never come. */
  readonly ready: Promise<void>;
  readonly #process: WorkerProcess;
  readonly #options: JsonLinesOptions;
  readonly #input: NodeJS.WritableStream;
  readonly #output: NodeJS.ReadableStream;
  readonly #writer: LineWriter;
  readonly #pending = new Map<string, Pending>();
  #phase: "starting" | "open" | "closed" = "starting";
  #lastId = 0;
  #calls = 0;
  #noise = 0;
  #lastNoise = "";
  #paused = false;
  #markReady!: () => void;
  #failStart!: (error: unknown) => void;
  #markClosed!: () => void;

  constructor(process: WorkerProcess, options: JsonLinesOptions) {
    if (process.endpoint.kind !== "stdio") {
      throw new TypeError("JSON lines need a worker that is reached on its pipes");
    }
    this.#process = process;
    this.#options = options;
    this.#input = process.endpoint.input;
    this.#output = process.endpoint.output;
    this.#writer = new LineWriter(this.#input);
    this.closed = new Promise((resolve) => {
      this.#markClosed = () => resolve(undefined);
    });
    this.ready = new Promise((resolve, reject) => {
      this.#markReady = resolve;
      this.#failStart = reject;
    });
    // Whoever connects may have gone already.
    this.ready.catch(() => {});
    this.#listen();
  }

  async execute(command: string, args: unknown, context: CallContext): Promise<unknown> {
    const id = this.#nextId();
    const line = this.#send(id, command, args, context, {});
    return new Promise((resolve, reject) => {
      this.#open(id, { kind: "call", command, line, cancelSent: false, resolve, reject }, context);
    });
  }

  stream(command: string, args: unknown, context: CallContext): AsyncIterable<unknown> {
    const id = this.#nextId();
    const ahead = { chunks: 0, bytes: 0 };
    const reader = new StreamReader({
      credit: (chunks, bytes) => {
        ahead.chunks -= chunks;
        ahead.bytes -= bytes;
        this.#resume();
      },
      cancel: () => {
        this.#cancel(id);
        // What still comes is dropped, so nothing of it is ahead of anybody.
        ahead.chunks = Number.NEGATIVE_INFINITY;
        ahead.bytes = Number.NEGATIVE_INFINITY;
        this.#resume();
      },
    });
    try {
      const line = this.#send(id, command, args, context, { stream: true });
      this.#open(id, { kind: "stream", command, line, cancelSent: false, reader, ahead }, context);
    } catch (error) {
      reader.finish({ error });
    }
    return reader;
  }

  /**
   * A busy worker is not asked: one that does one thing at a time could not answer, and the
   * deadlines of its calls watch over it. Neither is one that has said more than was read.
   */
  async ping(context: CallContext): Promise<void> {
    if (this.#phase === "closed") throw this.#lost("a ping", undefined, "not-started");
    if (this.#calls >= this.capabilities.concurrency || this.#paused) return;
    const id = this.#nextId();
    this.#writer.push(JSON.stringify({ type: "health_check", request_id: id }));
    await new Promise<void>((resolve, reject) => {
      this.#open(id, { kind: "ping", resolve, reject }, context);
    });
  }

  /** Says goodbye by ending the worker's stdin. Who still waits hears that the worker is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close((command, outcome) => this.#lost(command, undefined, outcome));
  }

  #listen(): void {
    const lines = new LineReader({
      maxBytes: MAX_LINE_BYTES,
      line: (line) => this.#line(line),
    });
    this.#output.on("data", (chunk: Buffer) => {
      if (this.#phase === "closed") return;
      if (!lines.push(chunk)) {
        this.#refuse(`wrote a line of more than ${MAX_LINE_BYTES} bytes`);
      }
    });
    // The output may end before the exit report is here, and the other way round when a
    // grandchild holds the pipe. The report explains more, so it gets a moment to arrive.
    const outputLost = () => {
      const timer = graceTimer(EXIT_REPORT_MS, () => this.#processLost(undefined));
      void this.#process.exited.then(() => timer[Symbol.dispose]());
    };
    this.#output.once("end", outputLost);
    this.#output.once("close", outputLost);
    // "end" or "close" follows.
    this.#output.on("error", () => {});
    this.#input.on("error", () => {});
    void this.#process.exited.then((exit) => {
      // One turn of the loop, for replies that the worker wrote just before it went.
      setImmediate(() => this.#processLost(exit));
    });
  }

  #nextId(): string {
    this.#lastId++;
    return String(this.#lastId);
  }

  /** Checks and queues one call. What it refuses has not started. */
  #send(
    id: string,
    command: string,
    args: unknown,
    context: CallContext,
    extra: { readonly stream?: true },
  ): QueuedLine {
    if (this.#phase === "closed") throw this.#lost(command, undefined, "not-started");
    const { commands } = this.capabilities;
    if (commands !== "any" && !commands.has(command)) throw unknownCommand(command, commands);
    const head = JSON.stringify({
      request_id: id,
      command,
      ...extra,
      ...(context.session === undefined ? {} : { session_id: context.session.id }),
    });
    // A call without arguments has an empty object of them, so that workers need not ask.
    const body = args === undefined ? "{}" : toJson(args);
    return this.#writer.push(`${head.slice(0, -1)},"args":${body}}`);
  }

  #open(id: string, pending: Pending, context: CallContext): void {
    this.#pending.set(id, pending);
    if (pending.kind !== "ping") this.#calls++;
    context.onCancel({ cancel: () => this.#cancel(id) });
  }

  #take(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    if (pending.kind !== "ping") this.#calls--;
    return pending;
  }

  #cancel(id: string): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    if (pending.kind === "ping") {
      this.#take(id);
      pending.reject(new SnakepitError("CANCELLED", "the ping was given up"));
    } else if (this.#writer.withdraw(pending.line)) {
      this.#take(id);
      const text = `${pending.command} was cancelled before it was sent`;
      fail(pending, new SnakepitError("CANCELLED", text, { outcome: "not-started" }));
    } else if (!pending.cancelSent) {
      // The caller of a stream may go twice: by its signal and by leaving the loop.
      pending.cancelSent = true;
      this.#writer.push(JSON.stringify({ type: "cancel", request_id: id }));
    }
  }

  #line(line: Buffer): void {
    if (this.#phase === "closed") return;
    const message = parseObject(line);
    if (message !== undefined && this.#understand(message, line.length)) {
      this.#noise = 0;
      return;
    }
    const text = line.toString("utf8").trim();
    if (text === "") return;
    this.#lastNoise = text.length > 200 ? `${text.slice(0, 200)}…` : text;
    this.#log("warning", `a line on stdout that is no message: ${this.#lastNoise}`);
    this.#noise++;
    if (this.#noise >= MAX_NOISE) {
      this.#refuse(`wrote ${MAX_NOISE} lines in a row that are no messages`);
    }
  }

  /** False when the message means nothing here and now. */
  #understand(message: Message, bytes: number): boolean {
    if (message["type"] === "ready" && this.#phase === "starting") {
      this.#onReady(message);
      return true;
    }
    if (message["type"] === "log" && typeof message["message"] === "string") {
      this.#log(
        typeof message["level"] === "string" ? message["level"] : "info",
        message["message"],
      );
      return true;
    }
    // Perhaps to a ping that nobody waits for any more.
    const late = message["type"] === "health_response";
    const id = message["request_id"];
    if (typeof id !== "string" && typeof id !== "number") return false;
    const pending = this.#pending.get(String(id));
    if (pending === undefined) return late;
    if (pending.kind === "ping") {
      // Any answer shows life, also that of a worker that has never heard of health checks.
      this.#take(String(id));
      pending.resolve();
      return true;
    }
    if ("chunk" in message || message["is_final"] === true) {
      this.#onChunk(String(id), pending, message, bytes);
      return true;
    }
    if (typeof message["success"] !== "boolean") return false;
    this.#onReply(String(id), pending, message);
    return true;
  }

  #onReady(message: Message): void {
    const problem = handshakeProblem(message);
    if (problem !== undefined) {
      this.#failStart(startFailed(this.#process, "bad-handshake", problem));
      return;
    }
    const { concurrency, commands } = message as ReadyMessage;
    const wanted = this.#options.concurrency;
    this.capabilities = {
      // Two opinions: never more than either allows.
      concurrency: Math.min(concurrency ?? wanted ?? 1, wanted ?? Number.POSITIVE_INFINITY),
      commands: commands === undefined ? "any" : new Set(commands),
    };
    this.#phase = "open";
    this.#markReady();
  }

  #onChunk(
    id: string,
    pending: Exclude<Pending, { kind: "ping" }>,
    message: Message,
    bytes: number,
  ) {
    const final = message["is_final"] === true;
    if (pending.kind === "call") {
      if (!final) return;
      this.#take(id);
      const text = `${pending.command} answered with a stream; call it with stream()`;
      pending.reject(new SnakepitError("PROTOCOL", text));
      return;
    }
    if ("chunk" in message) this.#deliver(pending, message["chunk"], bytes);
    if (final) {
      this.#take(id);
      pending.reader.finish({});
      this.#resume();
    }
  }

  #onReply(id: string, pending: Exclude<Pending, { kind: "ping" }>, message: Message): void {
    this.#take(id);
    if (message["success"] === false) {
      const error = replyError(message["error"], pending.command, this.#process.workerId);
      fail(pending, error);
    } else if (pending.kind === "call") {
      pending.resolve(message["result"]);
    } else {
      // A command that does not stream: its result is the only chunk.
      if ("result" in message) pending.reader.push(message["result"], 0);
      pending.reader.finish({});
    }
    this.#resume();
  }

  #deliver(pending: Extract<Pending, { kind: "stream" }>, chunk: unknown, bytes: number): void {
    // Counted first: a reader that waits consumes it within `push`.
    pending.ahead.chunks++;
    pending.ahead.bytes += bytes;
    pending.reader.push(chunk, bytes);
    if (!this.#paused && isFarAhead(pending)) {
      this.#paused = true;
      this.#output.pause();
    }
  }

  #resume(): void {
    if (!this.#paused || [...this.#pending.values()].some(isFarAhead)) return;
    this.#paused = false;
    this.#output.resume();
  }

  #log(level: string, message: string): void {
    try {
      this.#options.onLog?.({ workerId: this.#process.workerId, level, message });
    } catch {
      // The listener's own fault, and no reason to harm the calls of this worker.
    }
  }

  #processLost(exit: WorkerExit | undefined): void {
    if (this.#phase === "starting") {
      const text =
        exit === undefined
          ? "closed its stdout before it was ready"
          : `${exitText(exit)} before it was ready`;
      const reason = exit === undefined ? "bad-handshake" : "exited";
      this.#failStart(startFailed(this.#process, reason, text + this.#noiseText(), exit));
    }
    this.#close((command, outcome) => this.#lost(command, exit, outcome));
  }

  /** The worker does not keep to the protocol. */
  #refuse(what: string): void {
    const text = `worker ${this.#process.workerId} ${what}`;
    if (this.#phase === "starting") {
      this.#failStart(startFailed(this.#process, "bad-handshake", what + this.#noiseText()));
    }
    this.#close((command, outcome) => {
      return new SnakepitError("PROTOCOL", `${text} during ${command}${this.#noiseText()}`, {
        outcome,
      });
    });
  }

  #noiseText(): string {
    return this.#lastNoise === "" ? "" : `; its stdout said: ${this.#lastNoise}`;
  }

  #close(reason: (command: string, outcome: LostOutcome) => Error): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    for (const [id, pending] of [...this.#pending]) {
      this.#take(id);
      if (pending.kind === "ping") pending.reject(reason("a ping", "unknown"));
      else {
        const outcome = this.#writer.withdraw(pending.line) ? "not-started" : "unknown";
        fail(pending, reason(pending.command, outcome));
      }
    }
    this.#writer.flush();
    this.#input.end();
    // Read on without looking, so that the worker is not stuck in a write while it says goodbye.
    this.#output.resume();
    this.#markClosed();
  }

  #lost(command: string, exit: WorkerExit | undefined, outcome: LostOutcome): Error {
    return workerLost(this.#process, command, exit, outcome);
  }
}

interface ReadyMessage {
  readonly concurrency?: number;
  readonly commands?: readonly string[];
}

/** What is wrong with a `ready`, if anything. */
function handshakeProblem({ concurrency, commands }: Message): string | undefined {
  if (
    concurrency !== undefined &&
    !(Number.isSafeInteger(concurrency) && Number(concurrency) > 0)
  ) {
    return `said ready with a concurrency of ${JSON.stringify(concurrency)}; 1 or more is allowed`;
  }
  const isNames =
    Array.isArray(commands) && commands.every((command) => typeof command === "string");
  if (commands !== undefined && !isNames) {
    return "said ready with commands that are no array of strings";
  }
  return undefined;
}

function fail(pending: Exclude<Pending, { kind: "ping" }>, error: unknown): void {
  if (pending.kind === "call") pending.reject(error);
  else pending.reader.finish({ error });
}

function isFarAhead(pending: Pending): boolean {
  if (pending.kind !== "stream") return false;
  return pending.ahead.chunks >= STREAM_CREDIT.chunks || pending.ahead.bytes >= STREAM_CREDIT.bytes;
}
