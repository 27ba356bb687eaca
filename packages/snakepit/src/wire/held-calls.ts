import { SnakepitError } from "../errors.ts";
import type { BatchEncoder } from "./codec.ts";
import { OutgoingValue } from "./outgoing-parts.ts";
import type { Pending, PendingSlots } from "./pending.ts";

/** A batch ends at 256 calls or 256 KiB: above that a bigger batch costs no less per call. */
const BATCH_CALLS = 256;
const BATCH_BYTES = 256 * 1024;

export interface HeldCallsOptions {
  readonly maxFrameBytes: number;
  /** Calls get their ids there when they are taken into a batch. */
  readonly sent: PendingSlots;
  /** A call leaves the batch again, because parts of it have to be sent first. */
  readonly big: (value: OutgoingValue) => void;
}

/** Calls that wait to be sent, oldest first; cancelled ones are skipped when their turn comes. */
export class HeldCalls {
  readonly #maxFrameBytes: number;
  readonly #sent: PendingSlots;
  readonly #big: (value: OutgoingValue) => void;
  #calls: Pending[] = [];

  constructor({ maxFrameBytes, sent, big }: HeldCallsOptions) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#sent = sent;
    this.#big = big;
  }

  get isEmpty(): boolean {
    return this.#calls.length === 0;
  }

  add(pending: Pending): void {
    this.#calls.push(pending);
  }

  failAll(errorOf: (pending: Pending) => Error): void {
    for (const pending of this.#calls.splice(0))
      if (!pending.cancelled) pending.fail(errorOf(pending));
  }

  /** As many as a batch takes. */
  encodeInto(encoder: BatchEncoder, nowMs: number): void {
    const late: Pending[] = [];
    let taken = 0;
    for (const pending of this.#calls) {
      if (encoder.records >= BATCH_CALLS || encoder.bytes >= BATCH_BYTES) break;
      if (!pending.cancelled) {
        // Its time came while the host was busy: it is not sent, and will be cancelled in a moment.
        if (pending.context.deadlineMs <= nowMs) late.push(pending);
        else if (!this.#encode(pending, nowMs, encoder)) break;
      }
      taken++;
    }
    this.#calls = taken === this.#calls.length ? late : [...late, ...this.#calls.slice(taken)];
  }

  /** False when the batch has no room left for it; the next one will. */
  #encode(pending: Pending, nowMs: number, encoder: BatchEncoder): boolean {
    this.#sent.add(pending);
    try {
      const big = encoder.add(recordOf(pending, nowMs));
      if (big !== undefined) this.#big(new OutgoingValue(pending, big));
    } catch (error) {
      this.#sent.remove(pending);
      if (encoder.records > 0 && this.#needsBatch(error)) {
        pending.id = 0;
        return false;
      }
      pending.fail(error); // alone: the batch is as it was
    }
    return true;
  }

  /** It has no room beside the others; a value above its own limit has none anywhere. */
  #needsBatch(error: unknown): boolean {
    if (!SnakepitError.is(error, "VALUE_TOO_LARGE")) return false;
    return error.details["limitBytes"] === this.#maxFrameBytes;
  }
}

function recordOf({ kind, id, command, args, context }: Pending, nowMs: number): unknown[] {
  const { deadlineMs, session, correlation } = context;
  const timeoutMs = deadlineMs === Number.POSITIVE_INFINITY ? null : Math.ceil(deadlineMs - nowMs);
  const record: unknown[] = [kind, id, command, args, timeoutMs];
  if (session !== undefined) record.push(session.id);
  if (correlation !== undefined) {
    if (session === undefined) record.push(null);
    record.push(correlation);
  }
  return record;
}
