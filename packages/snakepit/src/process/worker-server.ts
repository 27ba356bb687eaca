import { SnakepitError } from "../errors.ts";
import { carriable, describeError, unknownCommandError } from "./described-error.ts";
import type { Carried, Framing, Message, Payload } from "./framing.ts";
import type { Handler } from "./handler.ts";
import { Outbox } from "./outbox.ts";

/** How long a stream may run before it lets the event loop see cancels and other calls. */
const TURN_MS = 5;
/** How long running calls may take to end after SIGTERM; hosts follow with SIGKILL after 2 s. */
const END_MS = 1_000;

export interface OwnStdout {
  readonly stdout: NodeJS.WriteStream;
  write(bytes: Payload, written?: () => void): boolean;
}

/** The real stdout, for the protocol alone; everybody else's writes go to stderr. */
export function ownStdout(): OwnStdout {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout) as OwnStdout["write"];
  stdout.write = stderr.write.bind(stderr);
  // What is printed for nobody is lost, and no reason to end.
  stderr.on("error", () => {});
  return { stdout, write };
}

export interface WorkerServerOptions {
  readonly framing: Framing;
  readonly stdout: OwnStdout;
  readonly concurrency: number;
  readonly onSessionEnd: ((sessionId: string) => unknown) | undefined;
}

/** The worker's side of the protocol. */
export class WorkerServer {
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #options: WorkerServerOptions;
  readonly #outbox: Outbox;
  readonly #calls = new Map<unknown, AbortController>();
  #isEnding = false;
  #lastTurnMs = 0;

  constructor(handlers: ReadonlyMap<string, Handler>, options: WorkerServerOptions) {
    this.#handlers = handlers;
    this.#options = options;
    const { stdout, write } = options.stdout;
    this.#outbox = new Outbox(options.framing, stdout, (bytes) => write(bytes));
    this.#outbox.batching = true; // every host reads arrays
  }

  start(): void {
    const { stdin } = process;
    const reader = this.#options.framing.reader({
      message: (message) => this.#message(message),
      noise: (text) => console.error("not a message:", text.slice(0, 200)),
    });
    stdin.on("data", (chunk: Buffer) => {
      const fault = reader.push(chunk);
      if (fault === undefined) return;
      console.error(`the host ${fault}`);
      process.exit(1);
    });
    const hungUp = () => this.#hungUp();
    stdin.once("end", hungUp);
    stdin.once("error", hungUp);
    this.#options.stdout.stdout.once("error", hungUp);
    process.once("SIGTERM", () => this.#end());
    process.once("SIGINT", () => this.#end());
    this.#say({
      type: "ready",
      pid: process.pid,
      worker_id: process.env["SNAKEPIT_WORKER_ID"],
      concurrency: this.#options.concurrency,
      commands: [...this.#handlers.keys()],
      batch: true,
      health_checks: "always",
    });
  }

  #message(message: Message): void {
    const { type, request_id: id, command } = message;
    if (type === "health_check") this.#say({ type: "health_response", request_id: id });
    else if (type === "cancel") this.#calls.get(id)?.abort(gone("the caller has gone"));
    else if (type === "cleanup_session") this.#sessionEnded(message["session_id"]);
    else if (typeof command === "string") void this.#answer(id, command, message);
  }

  #sessionEnded(sessionId: unknown): void {
    const { onSessionEnd } = this.#options;
    if (onSessionEnd === undefined || typeof sessionId !== "string") return;
    const failed = (error: unknown) => console.error(`onSessionEnd of ${sessionId} failed:`, error);
    try {
      // At once, in the order of the messages: the next one may open the session anew.
      Promise.resolve(onSessionEnd(sessionId)).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** Exactly one answer, whatever the handler does. */
  async #answer(id: unknown, command: string, message: Message): Promise<void> {
    const handler = this.#handlers.get(command);
    if (handler === undefined) {
      this.#fail(id, unknownCommandError(command, this.#handlers.keys()));
      return;
    }
    if (this.#isEnding) return this.#fail(id, endingError);
    const controller = new AbortController();
    this.#calls.set(id, controller);
    try {
      const sessionId = message["session_id"];
      const result = await Promise.resolve(
        handler(message["args"], {
          signal: controller.signal,
          sessionId: typeof sessionId === "string" ? sessionId : undefined,
          log: (level, text) => this.#say(carriable({ type: "log", level, message: String(text) })),
          telemetry: (event, measurements = {}, metadata = {}) =>
            this.#say(
              { type: "telemetry", event, measurements },
              { name: "metadata", value: metadata },
            ),
        }),
      );
      if (message["stream"] === true) await this.#stream(id, result, controller.signal);
      else {
        const value = await collected(result);
        this.#say({ request_id: id, success: true }, { name: "result", value });
      }
    } catch (error) {
      this.#fail(id, describeError(error));
    } finally {
      this.#calls.delete(id);
      if (this.#isEnding && this.#calls.size === 0) void this.#exit();
    }
  }

  async #stream(id: unknown, result: unknown, signal: AbortSignal): Promise<void> {
    if (!isAsyncIterable(result)) {
      this.#say({ request_id: id, is_final: true }, { name: "chunk", value: result });
      return;
    }
    for await (const value of result) {
      if (signal.aborted) break; // ends the generator, which runs its `finally`
      this.#say({ request_id: id, is_final: false }, { name: "chunk", value });
      await this.#outbox.blocked();
      await this.#turn();
    }
    this.#say({ request_id: id, is_final: true });
  }

  /** A generator that never waits would keep the event loop from reading its cancel. */
  async #turn(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#lastTurnMs < TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#lastTurnMs = performance.now();
  }

  #fail(id: unknown, error: Message): void {
    const message = { request_id: id, success: false };
    try {
      this.#say(message, { name: "error", value: carriable(error) });
    } catch {
      // Details that cannot be carried: the error is worth more than they are.
      const { details: _, ...rest } = error;
      this.#say(message, { name: "error", value: carriable(rest) });
    }
  }

  #say(message: Message, carried?: Carried): void {
    this.#outbox.push(this.#options.framing.codec.encode(message, carried));
  }

  /** The host is gone or has no more work. Whatever still runs has nobody to answer. */
  #hungUp(): void {
    this.#abortAll();
    process.exit(0);
  }

  /** Somebody wants this process to end: running calls are told, and may answer. */
  #end(): void {
    this.#isEnding = true;
    this.#abortAll();
    if (this.#calls.size === 0) void this.#exit();
    else setTimeout(() => process.exit(0), END_MS);
  }

  #abortAll(): void {
    for (const call of this.#calls.values()) call.abort(gone("the worker is ending"));
  }

  async #exit(): Promise<void> {
    setTimeout(() => process.exit(0), END_MS); // when nobody reads the rest
    await this.#outbox.blocked();
    this.#outbox.flush();
    this.#options.stdout.write("", () => process.exit(0));
  }
}

const endingError: Message = {
  type: "WORKER_BUSY",
  code: "WORKER_BUSY",
  message: "the worker is ending and begins nothing new",
  begun: false,
};

function gone(message: string): SnakepitError<"CANCELLED"> {
  return new SnakepitError("CANCELLED", message);
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
