import type { TelemetryReport } from "../adapter.ts";
import { SnakepitError } from "../errors.ts";
import type { WorkerLogs } from "../worker-logs.ts";
import { replyError } from "./failures.ts";
import { type FrameListener, isMessage, type Message } from "./framing.ts";
import {
  fail,
  isFarAhead,
  type PendingCall,
  type PendingCalls,
  type PendingStream,
} from "./pending-calls.ts";

/** So much without a meaning, one after another, and the worker speaks another language. */
const MAX_NOISE = 100;
const SHOWN_CHARACTERS = 200;

/** The connection, as its inbox sees it. */
export interface InboxOwner {
  /** False when it has heard one before. */
  ready(message: Message): boolean;
  telemetry(report: TelemetryReport): void;
  /** A reader is as far behind as it may be. */
  tooFarAhead(): void;
  /** A call or stream has ended. */
  settled(): void;
  /** The worker does not keep to the protocol. */
  refuse(what: string): void;
}

/** Understands what a worker says, and hands it to whom it concerns. */
export class Inbox implements FrameListener {
  readonly #workerId: string;
  readonly #pending: PendingCalls;
  readonly #logs: WorkerLogs;
  readonly #owner: InboxOwner;
  #noise = 0;
  /** The last thing that had no meaning, for errors. */
  lastNoise = "";

  constructor(workerId: string, pending: PendingCalls, logs: WorkerLogs, owner: InboxOwner) {
    this.#workerId = workerId;
    this.#pending = pending;
    this.#logs = logs;
    this.#owner = owner;
  }

  message(message: Message, bytes: number): void {
    if (this.#understand(message, bytes)) this.#noise = 0;
    else this.#meaningless("a message that means nothing here", shownMessage(message));
  }

  noise(text: string): void {
    this.#meaningless("a line on stdout that is no message", shown(text));
  }

  #meaningless(what: string, text: string): void {
    this.lastNoise = text;
    this.#logs.add("warning", `${what}: ${text}`);
    this.#noise++;
    if (this.#noise >= MAX_NOISE) {
      this.#owner.refuse(`wrote ${MAX_NOISE} lines or packets in a row that are no messages`);
    }
  }

  /** False when the message means nothing here and now. */
  #understand(message: Message, bytes: number): boolean {
    switch (message["type"]) {
      case "ready":
        return this.#owner.ready(message);
      case "log":
        return this.#log(message);
      case "telemetry":
        return this.#telemetry(message);
      case "error":
        return this.#error(message);
      case "health_response":
        this.#answer(message, bytes);
        return true; // perhaps to a ping that nobody waits for any more
      default:
        return this.#answer(message, bytes);
    }
  }

  #log({ level, message }: Message): boolean {
    if (typeof message !== "string") return false;
    this.#logs.add(typeof level === "string" ? level : "info", message);
    return true;
  }

  #telemetry({ event, measurements, metadata }: Message): boolean {
    if (typeof event !== "string") return false;
    this.#owner.telemetry({
      event,
      measurements: onlyNumbers(measurements),
      metadata: isMessage(metadata) ? metadata : {},
    });
    return true;
  }

  /** Of one call when it says which one, else of the worker as a whole. */
  #error(message: Message): boolean {
    const id = requestId(message);
    if (id === undefined) {
      if (typeof message["message"] !== "string") return false;
      this.#logs.add("error", message["message"]);
      return true;
    }
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    this.#pending.take(id);
    // `type` says here that it is an error, and not of which kind.
    const { type: _, ...rest } = message;
    const error = message["error"] ?? rest;
    if (pending.kind === "ping") pending.reject(replyError(error, "a ping", this.#workerId));
    else {
      fail(pending, replyError(error, pending.command, this.#workerId));
      this.#owner.settled();
    }
    return true;
  }

  #answer(message: Message, bytes: number): boolean {
    const id = requestId(message);
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || pending === undefined) return false;
    if (pending.kind === "ping") {
      // Any answer shows life, also that of a worker that has never heard of health checks.
      this.#pending.take(id);
      pending.resolve();
    } else if ("chunk" in message || message["is_final"] === true) {
      this.#chunk(id, pending, message, bytes);
    } else if (typeof message["success"] === "boolean") {
      this.#reply(id, pending, message);
    } else return false;
    return true;
  }

  #chunk(id: string, pending: PendingCall | PendingStream, message: Message, bytes: number): void {
    const final = message["is_final"] === true;
    if (pending.kind === "stream") {
      if ("chunk" in message) this.#deliver(pending, message["chunk"], bytes);
      if (final) pending.reader.finish({});
    } else if (final) {
      const text = `${pending.command} answered with a stream; call it with stream()`;
      pending.reject(new SnakepitError("PROTOCOL", text));
    }
    if (final) {
      this.#pending.take(id);
      this.#owner.settled();
    }
  }

  #reply(id: string, pending: PendingCall | PendingStream, message: Message): void {
    this.#pending.take(id);
    if (message["success"] === false) {
      fail(pending, replyError(message["error"], pending.command, this.#workerId));
    } else if (pending.kind === "call") {
      pending.resolve(message["result"]);
    } else {
      // A command that does not stream: its result is the only chunk.
      if ("result" in message) pending.reader.push(message["result"], 0);
      pending.reader.finish({});
    }
    this.#owner.settled();
  }

  #deliver(pending: PendingStream, chunk: unknown, bytes: number): void {
    // Counted first: a reader that waits consumes it within `push`.
    pending.ahead.chunks++;
    pending.ahead.bytes += bytes;
    pending.reader.push(chunk, bytes);
    if (isFarAhead(pending)) this.#owner.tooFarAhead();
  }
}

/** Workers may send numbers for the ids that they got as text. */
function requestId(message: Message): string | undefined {
  const id = message["request_id"];
  return typeof id === "string" || typeof id === "number" ? String(id) : undefined;
}

function onlyNumbers(measurements: unknown): Record<string, number> {
  if (!isMessage(measurements)) return {};
  const numbers = Object.entries(measurements).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  return Object.fromEntries(numbers);
}

function shownMessage(message: Message): string {
  try {
    return shown(JSON.stringify(message));
  } catch {
    return shown(Object.keys(message).join(", ")); // a bigint of MessagePack
  }
}

function shown(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
