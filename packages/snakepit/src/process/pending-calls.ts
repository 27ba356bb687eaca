import { STREAM_CREDIT } from "../wire/records.ts";
import type { StreamReader } from "../wire/stream-reader.ts";
import type { Outgoing } from "./outbox.ts";

export interface PendingCall {
  readonly kind: "call";
  readonly command: string;
  readonly outgoing: Outgoing;
  cancelSent: boolean;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export interface PendingStream {
  readonly kind: "stream";
  readonly command: string;
  readonly outgoing: Outgoing;
  cancelSent: boolean;
  readonly reader: StreamReader;
  /** What was handed to the reader and not consumed yet. */
  readonly ahead: { chunks: number; bytes: number };
}

export interface PendingPing {
  readonly kind: "ping";
  resolve(): void;
  reject(error: unknown): void;
}

export type Pending = PendingCall | PendingStream | PendingPing;

/** What a worker has been asked and not answered, by request id. */
export class PendingCalls {
  readonly #byId = new Map<string, Pending>();
  #lastId = 0;
  #calls = 0;

  /** How many of them are calls or streams, and take a slot. */
  get calls(): number {
    return this.#calls;
  }

  nextId(): string {
    this.#lastId++;
    return String(this.#lastId);
  }

  add(id: string, pending: Pending): void {
    this.#byId.set(id, pending);
    if (pending.kind !== "ping") this.#calls++;
  }

  get(id: string): Pending | undefined {
    return this.#byId.get(id);
  }

  take(id: string): Pending | undefined {
    const pending = this.#byId.get(id);
    if (pending === undefined) return undefined;
    this.#byId.delete(id);
    if (pending.kind !== "ping") this.#calls--;
    return pending;
  }

  takeAll(): Pending[] {
    const all = [...this.#byId.values()];
    this.#byId.clear();
    this.#calls = 0;
    return all;
  }

  /** Whether some stream has brought as much as its reader may be behind. */
  isAnyFarAhead(): boolean {
    return [...this.#byId.values()].some(isFarAhead);
  }
}

export function isFarAhead(pending: Pending): boolean {
  if (pending.kind !== "stream") return false;
  return pending.ahead.chunks >= STREAM_CREDIT.chunks || pending.ahead.bytes >= STREAM_CREDIT.bytes;
}

export function fail(pending: PendingCall | PendingStream, error: unknown): void {
  if (pending.kind === "call") pending.reject(error);
  else pending.reader.finish({ error });
}
