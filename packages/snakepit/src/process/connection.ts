import type {
  CallContext,
  Capabilities,
  Connection,
  TelemetryReport,
  TraceListener,
} from "../adapter.ts";
import { SnakepitError } from "../errors.ts";
import { EXIT_REPORT_MS, exitText } from "../exit-report.ts";
import { FrameTap } from "../frame-tap.ts";
import { graceTimer } from "../grace-timer.ts";
import type { WorkerExit, WorkerProcess } from "../launcher.ts";
import { startTimer } from "../timer.ts";
import { StreamReader } from "../wire/stream-reader.ts";
import { type WorkerLog, WorkerLogs } from "../worker-logs.ts";
import { checkCommand, type LostOutcome, startFailed, workerLost } from "./failures.ts";
import { receivedFrame, sentFrame } from "./frame-trace.ts";
import type { Carried, Framing, Message } from "./framing.ts";
import { handshakeProblem, readyOf } from "./handshake.ts";
import { Inbox } from "./inbox.ts";
import { Outbox, type Outgoing } from "./outbox.ts";
import { fail, type Pending, PendingCalls } from "./pending-calls.ts";

export interface ConnectionOptions {
  readonly framing: Framing;
  readonly signal: AbortSignal;
  readonly startTimeoutMs: number;
  /** Calls at once, when the worker allows as many. */
  readonly concurrency: number | undefined;
  readonly onLog: (log: WorkerLog) => void;
  readonly onTelemetry: (report: TelemetryReport) => void;
}

/**
 * Speaks the message protocol with a fresh worker: waits for its `ready`, then carries calls.
 * @throws SnakepitError WORKER_START_FAILED (`exited`, `timeout`, `bad-handshake`); the signal's
 * reason when it aborts
 */
export async function connectWorker(
  process: WorkerProcess,
  options: ConnectionOptions,
): Promise<Connection> {
  const connection = new WorkerConnection(process, options);
  let timer: Disposable | undefined;
  let abort = () => {};
  const givenUp = new Promise<never>((_, reject) => {
    abort = () => reject(options.signal.reason);
    options.signal.addEventListener("abort", abort, { once: true });
    if (options.signal.aborted) abort();
    const expire = () =>
      reject(startFailed(process, "timeout", connection.lateText(options.startTimeoutMs)));
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

class WorkerConnection implements Connection {
  capabilities: Capabilities = { concurrency: 1, commands: "any" };
  readonly closed: Promise<Error | undefined>;
  /** Settles once: with the worker's `ready`, or with why it will never come. */
  readonly ready: Promise<void>;
  readonly #process: WorkerProcess;
  readonly #options: ConnectionOptions;
  readonly #input: NodeJS.WritableStream;
  readonly #output: NodeJS.ReadableStream;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  readonly #logs: WorkerLogs;
  readonly #pending = new PendingCalls();
  readonly #tap = new FrameTap();
  #phase: "starting" | "open" | "closed" = "starting";
  #heardMs = performance.now();
  #paused = false;
  #markReady!: () => void;
  #failStart!: (error: unknown) => void;
  #markClosed!: (fault: Error | undefined) => void;

  constructor(process: WorkerProcess, options: ConnectionOptions) {
    if (process.endpoint.kind !== "stdio") {
      throw new TypeError("this adapter needs a worker that is reached on its pipes");
    }
    this.#process = process;
    this.#options = options;
    this.#input = process.endpoint.input;
    this.#output = process.endpoint.output;
    this.#outbox = new Outbox(options.framing, this.#input);
    this.#logs = new WorkerLogs(process.workerId, options.onLog);
    this.#inbox = new Inbox(process.workerId, this.#pending, this.#logs, {
      ready: (message) => this.#onReady(message),
      telemetry: options.onTelemetry,
      tooFarAhead: () => this.#pause(),
      settled: () => this.#resume(),
      refuse: (what) => this.#refuse(what),
    });
    this.closed = new Promise((resolve) => {
      this.#markClosed = resolve;
    });
    this.ready = new Promise((resolve, reject) => {
      this.#markReady = resolve;
      this.#failStart = reject;
    });
    // Whoever connects may have gone already.
    this.ready.catch(() => {});
    this.#listen();
  }

  /** A worker is not silent while nobody listens. */
  get heardMs(): number {
    return this.#paused ? performance.now() : this.#heardMs;
  }

  execute(command: string, args: unknown, context: CallContext): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#pending.nextId();
      const outgoing = this.#send("call", id, command, args, context); // what it throws, rejects
      this.#open(
        id,
        { kind: "call", command, outgoing, cancelSent: false, resolve, reject },
        context,
      );
    });
  }

  stream(command: string, args: unknown, context: CallContext): AsyncIterable<unknown> {
    const id = this.#pending.nextId();
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
      const outgoing = this.#send("stream", id, command, args, context);
      this.#open(
        id,
        { kind: "stream", command, outgoing, cancelSent: false, reader, ahead },
        context,
      );
    } catch (error) {
      reader.finish({ error });
    }
    return reader;
  }

  /**
   * A busy worker is not asked unless it has said that it always answers: one that does one thing
   * at a time could not, and the deadlines of its calls watch over it. Neither is one that has said
   * more than was read.
   */
  async ping(context: CallContext): Promise<void> {
    if (this.#phase === "closed") throw this.#lost("a ping", undefined, "not-started");
    const { concurrency, pingsWhileBusy } = this.capabilities;
    const isBusy = this.#pending.calls >= concurrency && pingsWhileBusy !== true;
    if (isBusy || this.#paused) return;
    const id = this.#pending.nextId();
    this.#say({ type: "health_check", request_id: id });
    await new Promise<void>((resolve, reject) => {
      this.#open(id, { kind: "ping", resolve, reject }, context);
    });
  }

  endSession(sessionId: string): void {
    if (this.#phase === "open") this.#say({ type: "cleanup_session", session_id: sessionId });
  }

  trace(listener: TraceListener): Disposable {
    return this.#tap.listen(listener);
  }

  /** Says goodbye by ending the worker's stdin. Who still waits hears that the worker is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close((command, outcome) => this.#lost(command, undefined, outcome));
  }

  #listen(): void {
    const reader = this.#options.framing.reader({
      message: (message, bytes) => {
        if (this.#phase === "closed") return;
        this.#tap.tell?.(receivedFrame(message, bytes, this.#pending));
        this.#inbox.message(message, bytes);
      },
      noise: (text) => {
        if (this.#phase !== "closed") this.#inbox.noise(text);
      },
    });
    this.#output.on("data", (chunk: Buffer) => {
      if (this.#phase === "closed") return;
      this.#heardMs = performance.now();
      const fault = reader.push(chunk);
      if (fault !== undefined) this.#refuse(fault);
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

  #say(message: Message): void {
    this.#push(message);
  }

  /** Traced here, where it is whole, though it may wait for the worker to read, or be withdrawn. */
  #push(message: Message, carried?: Carried): Outgoing {
    const payload = this.#options.framing.codec.encode(message, carried);
    this.#tap.tell?.(sentFrame(message, carried, payload));
    return this.#outbox.push(payload);
  }

  /** Checks and queues one call. What it refuses has not started. */
  #send(
    kind: "call" | "stream",
    id: string,
    command: string,
    args: unknown,
    context: CallContext,
  ): Outgoing {
    if (this.#phase === "closed") throw this.#lost(command, undefined, "not-started");
    checkCommand(command, this.capabilities.commands);
    const message = {
      request_id: id,
      command,
      stream: kind === "stream" ? true : undefined,
      session_id: context.session?.id,
    };
    // A call without arguments has an empty object of them, so that workers need not ask.
    const carried = { name: "args", value: args === undefined ? {} : args } as const;
    return this.#push(message, carried);
  }

  #open(id: string, pending: Pending, context: CallContext): void {
    this.#pending.add(id, pending);
    context.onCancel({ cancel: () => this.#cancel(id) });
  }

  #cancel(id: string): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    if (pending.kind === "ping") {
      this.#pending.take(id);
      pending.reject(new SnakepitError("CANCELLED", "the ping was given up"));
    } else if (this.#outbox.withdraw(pending.outgoing)) {
      this.#pending.take(id);
      const text = `${pending.command} was cancelled before it was sent`;
      fail(pending, new SnakepitError("CANCELLED", text, { outcome: "not-started" }));
    } else if (!pending.cancelSent) {
      // The caller of a stream may go twice: by its signal and by leaving the loop.
      pending.cancelSent = true;
      this.#say({ type: "cancel", request_id: id });
    }
  }

  /** False when it is not the first one. */
  #onReady(message: Message): boolean {
    if (this.#phase !== "starting") return false;
    const problem = handshakeProblem(message, this.#process.workerId);
    if (problem !== undefined) {
      this.#failStart(startFailed(this.#process, "bad-handshake", problem));
      return true;
    }
    const { capabilities, batch } = readyOf(message, this.#options.concurrency);
    this.capabilities = capabilities;
    this.#outbox.batching = batch;
    this.#phase = "open";
    this.#markReady();
    return true;
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#output.pause();
  }

  #resume(): void {
    if (!this.#paused || this.#pending.isAnyFarAhead()) return;
    this.#paused = false;
    this.#heardMs = performance.now();
    this.#output.resume();
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
    const noise = this.#noiseText();
    if (this.#phase === "starting") {
      this.#failStart(startFailed(this.#process, "bad-handshake", what + noise));
    }
    this.#close(
      (command, outcome) =>
        new SnakepitError("PROTOCOL", `${text} during ${command}${noise}`, { outcome }),
      new SnakepitError("PROTOCOL", text + noise, { outcome: "unknown" }),
    );
  }

  /** Of a worker that has not said `ready` in time. */
  lateText(limitMs: number): string {
    const said = this.#noiseText() || "; nothing came on its stdout, which it may have to flush";
    return `was not ready after ${limitMs} ms (startTimeoutMs of its adapter)${said}`;
  }

  #noiseText(): string {
    const { lastNoise } = this.#inbox;
    return lastNoise === "" ? "" : `; its stdout said: ${lastNoise}`;
  }

  #close(reason: (command: string, outcome: LostOutcome) => Error, fault?: Error): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    for (const pending of this.#pending.takeAll()) {
      if (pending.kind === "ping") pending.reject(reason("a ping", "unknown"));
      else {
        const outcome = this.#outbox.withdraw(pending.outgoing) ? "not-started" : "unknown";
        fail(pending, reason(pending.command, outcome));
      }
    }
    this.#logs.end();
    this.#outbox.flush();
    this.#input.end();
    // Read on without looking, so that the worker is not stuck in a write while it says goodbye.
    this.#paused = false;
    this.#output.resume();
    this.#markClosed(fault);
  }

  #lost(command: string, exit: WorkerExit | undefined, outcome: LostOutcome): Error {
    return workerLost(this.#process, command, exit, outcome);
  }
}
