import type {
  CallAnswers,
  CallContext,
  Correlation,
  TelemetryReport,
  TraceListener,
} from "../adapter.ts";
import { SnakepitError } from "../errors.ts";
import { FrameTap } from "../frame-tap.ts";
import type { LogLevel } from "../log-level.ts";
import { held, lost, torn, unsent, unsentCancelled } from "./channel-errors.ts";
import type { BatchEncoder, Codec } from "./codec.ts";
import { tellReceived, tracedEncoder } from "./frame-trace.ts";
import { HeldCalls } from "./held-calls.ts";
import { IncomingParts } from "./incoming-parts.ts";
import { type IncomingOwner, IncomingRecords } from "./incoming-records.ts";
import { OutgoingParts } from "./outgoing-parts.ts";
import type { PartHeader } from "./part-frame.ts";
import {
  BegunCall,
  type Pending,
  PendingCall,
  type PendingOwner,
  PendingPing,
  PendingSlots,
  PendingStream,
  protocolError,
} from "./pending.ts";
import { ToHost, ToWorker } from "./records.ts";
import type { StreamReader } from "./stream-reader.ts";
import type { Transport } from "./transport.ts";

/** One: with two unacknowledged batches throughput fell by a fifth, with four by half. */
const WINDOW = 1;

export interface ChannelOptions {
  readonly workerId: string;
  readonly maxFrameBytes: number;
  /** Most bytes of one value's parts. Absent: the worker sends and takes none. */
  readonly maxValueBytes?: number | undefined;
}

/**
 * The host's end of one worker's connection: batches calls, correlates answers, cancels.
 * Calls that gather while the worker is busy stay here, where they cost nothing to take back.
 *
 * When the connection ends, calls that were sent stay unsettled: whether the worker died, and of
 * what, is known to whoever watches its process, and that is who tells the callers.
 */
export class Channel implements PendingOwner, IncomingOwner {
  readonly workerId: string;
  /** Resolves when the connection has ended, with the reason if it was a bad one. */
  readonly closed: Promise<Error | undefined>;
  /** Hears what the worker logs. */
  onLog:
    | ((level: LogLevel, message: string, correlation: Correlation | undefined) => void)
    | undefined;
  /** Hears what the worker measures. */
  onTelemetry: ((report: TelemetryReport) => void) | undefined;
  /**
   * Hears that the transport has ended without anybody's fault, after which `resume` or `giveUp` is
   * called. Absent: the channel ends with its transport.
   */
  onLost: (() => void) | undefined;
  /** Commands that the worker calls short; see `Connection`. */
  readonly shortCommands: Set<string>;
  #transport: Transport;
  readonly #codec: Codec;
  readonly #encoder: BatchEncoder;
  readonly #held: HeldCalls;
  /** Cancels, credits, pings and the like: they do not wait for the window. */
  #controls: (readonly unknown[])[] = [];
  /** Sent and not yet answered. */
  readonly #pending = new PendingSlots();
  readonly #records: IncomingRecords;
  readonly #tap = new FrameTap();
  readonly #options: ChannelOptions;
  /** Made for the first big value of each direction. */
  #outgoing: OutgoingParts | undefined;
  #incoming: IncomingParts | undefined;
  #unacknowledged = 0;
  #heardMs = performance.now();
  #sentCallsMs = 0;
  /** The worker has been sent calls since it was last asked to give back what it has not begun. */
  #recallable = false;
  #blocked = false;
  #armed = false;
  /** The transport has ended, and another may come. */
  #isLost = false;
  #ended = false;
  #end!: (fault: Error | undefined) => void;

  constructor(transport: Transport, codec: Codec, options: ChannelOptions) {
    this.workerId = options.workerId;
    this.#transport = transport;
    this.#codec = codec;
    this.#encoder = codec.encoder({
      headroom: transport.headroom,
      maxBytes: options.maxFrameBytes,
      maxValueBytes: options.maxValueBytes,
    });
    this.#options = options;
    this.#held = new HeldCalls({
      maxFrameBytes: options.maxFrameBytes,
      sent: this.#pending,
      big: (value) => {
        this.#outgoing ??= new OutgoingParts(this.#transport.partFrameBytes);
        this.#outgoing.add(value);
      },
    });
    this.#records = new IncomingRecords(this, this.#pending);
    this.shortCommands = this.#records.shortCommands;
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#listen(transport);
  }

  #listen(transport: Transport): void {
    transport.listen({
      frame: (document) => this.#receive(document),
      part: (header, bytes) => this.#place(header, bytes),
      partFilled: () => {
        if (this.#incoming?.isCreditDue && !this.#armed) this.#arm();
      },
      drained: () => {
        this.#blocked = false;
        this.#flush();
      },
      closed: (error) => {
        if (transport === this.#transport) this.#disconnected(error);
      },
    });
  }

  execute(command: string, args: unknown, context: CallContext): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#hold(new PendingCall(this, command, args, context, resolve, reject));
    });
  }

  /** As `execute`, without a promise; see `Connection`. */
  begin(command: string, args: unknown, context: CallContext, answers: CallAnswers): void {
    this.#hold(new BegunCall(this, command, args, context, answers));
  }

  stream(command: string, args: unknown, context: CallContext): StreamReader {
    const pending = new PendingStream(this, command, args, context);
    this.#hold(pending);
    return pending.reader;
  }

  ping(context: CallContext): Promise<void> {
    return new Promise((resolve, reject) => {
      const ping = new PendingPing(this, "ping", undefined, context, () => resolve(), reject);
      context.onCancel(ping);
      const id = this.#pending.add(ping);
      this.#control([ToWorker.ping, id]);
    });
  }

  /** When a frame last came from the worker, on the clock of `performance.now()`. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /**
   * If the worker has been silent for `afterMs` with calls in its hands: those that wait here fail
   * at once with WORKER_BUSY, and it is asked to give back those that it has not begun, which then
   * fail likewise. It is asked once; further calls must be sent before it is asked again.
   */
  recall(afterMs: number): void {
    if (!this.#recallable || this.#pending.size === 0 || this.#ended) return;
    const silentSinceMs = Math.max(this.#heardMs, this.#sentCallsMs);
    if (performance.now() - silentSinceMs < afterMs) return;
    this.#recallable = false;
    this.#control([ToWorker.recall, 0]);
    // Hundreds at once, which nearly always succeed elsewhere: a stack would be most of their cost.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    this.#held.failAll(held);
    Error.stackTraceLimit = stackTraceLimit;
  }

  /** Whatever the worker keeps for this session may go. */
  endSession(sessionId: string): void {
    this.#control([ToWorker.sessionEnd, 0, sessionId]);
  }

  /** Tells of each record that is sent or received; see `Connection`. */
  trace(listener: TraceListener): Disposable {
    return this.#tap.listen(listener);
  }

  /** Hangs up. Idempotent. */
  close(): void {
    this.#ended = true;
    this.#transport.close();
    if (this.#isLost) this.#finish(undefined); // its transport has told its end already
  }

  /**
   * Goes on over another transport: the worker has dialled in again, and has dropped the calls that
   * it had. It may know before us that the old one has ended.
   */
  resume(transport: Transport): void {
    const old = this.#transport;
    this.#transport = transport;
    old.close();
    if (this.#ended) return transport.close();
    if (!this.#isLost) this.#lose();
    this.#isLost = false;
    this.#blocked = false;
    this.#unacknowledged = 0;
    this.#heardMs = performance.now();
    this.#listen(transport);
    this.#flush();
  }

  /** The worker has not dialled in again for so long. */
  giveUp(afterMs: number): void {
    const { workerId } = this;
    this.#ended = true;
    this.#finish(
      new SnakepitError("WORKER_EXITED", `it did not dial in again within ${afterMs} ms`, {
        outcome: "unknown",
        details: { workerId, stderr: "" },
      }),
    );
  }

  cancel(pending: Pending): void {
    if (pending.cancelled) return;
    pending.cancelled = true;
    if (pending.id === 0) {
      // Not sent: it is skipped when its turn comes, and known not to have begun.
      pending.fail(unsentCancelled(pending));
    } else if (this.#pending.get(pending.id) === pending) {
      if (this.#outgoing?.withdraw(pending)?.hasBegun === false) {
        this.#pending.remove(pending);
        pending.fail(unsentCancelled(pending));
      } else {
        this.#control([ToWorker.cancel, pending.id]);
      }
    }
  }

  credit(stream: PendingStream, chunks: number, bytes: number): void {
    if (this.#pending.get(stream.id) !== stream) return;
    // A worker that does not read must not make this grow: credit joins what waits to be sent.
    if (stream.creditIn === this.#controls) {
      stream.credit[2] += chunks;
      stream.credit[3] += bytes;
      return;
    }
    stream.creditIn = this.#controls;
    stream.credit = [ToWorker.credit, stream.id, chunks, bytes];
    this.#control(stream.credit);
  }

  #disconnected(error: Error | undefined): void {
    if (this.onLost !== undefined && !this.#ended && !isFault(error)) return this.#lose();
    this.#ended = true;
    this.#held.failAll(unsent);
    for (const pending of this.#dropParts()) pending.fail(unsent(pending));
    this.#finish(this.#fault ?? error);
  }

  /** An error may keep this channel in memory; with its calls it would keep all that they became. */
  #finish(fault: Error | undefined): void {
    this.#pending.drain();
    this.#controls = [];
    this.#end(fault);
  }

  /** The calls of which parts were still to be sent: their records follow, so no worker has one. */
  #dropParts(): Pending[] {
    const unfinished = this.#outgoing?.drain() ?? [];
    this.#outgoing = undefined;
    this.#incoming = undefined;
    return unfinished;
  }

  #lose(): void {
    this.#isLost = true;
    this.#blocked = true;
    // All else concerns calls that are over; a session that has ended has ended there too.
    this.#controls = this.#controls.filter(([kind]) => kind === ToWorker.sessionEnd);
    // What the worker has said of its pace may have been its last word, or not; it says it anew.
    this.shortCommands.clear();
    const sent = new Set(this.#pending.drain());
    const unfinished = this.#dropParts();
    // Before the calls fail: whoever sends them again must know that this worker takes none.
    this.onLost?.();
    this.#held.failAll(unsent);
    for (const pending of unfinished) {
      sent.delete(pending);
      pending.fail(unsent(pending));
    }
    for (const pending of sent) pending.fail(lost(pending));
  }

  #hold(pending: Pending): void {
    pending.context.onCancel(pending);
    this.#held.add(pending);
    if (this.#unacknowledged < WINDOW && !this.#armed) this.#arm();
  }

  #control(record: readonly unknown[]): void {
    this.#controls.push(record);
    if (!this.#armed) this.#arm();
  }

  /** After the microtasks of this turn: everything that they call joins the same batch. */
  #arm(): void {
    this.#armed = true;
    process.nextTick(this.#fire);
  }

  readonly #fire = (): void => {
    this.#armed = false;
    this.#flush();
  };

  #flush(): void {
    if (this.#blocked || this.#ended) return;
    if (this.#incoming?.isCreditDue)
      this.#controls.push([ToWorker.partCredit, 0, this.#incoming.takeCredit()]);
    const sendsCalls = this.#unacknowledged < WINDOW && !this.#held.isEmpty;
    if (sendsCalls || this.#controls.length > 0) this.#sendBatch(sendsCalls);
    if (this.#outgoing !== undefined && !this.#blocked) this.#sendPart(this.#outgoing);
  }

  #sendBatch(sendsCalls: boolean): void {
    const { tell } = this.#tap;
    const encoder = tell === undefined ? this.#encoder : tracedEncoder(this.#encoder, tell);
    for (const record of this.#controls) encoder.add(record);
    this.#controls = [];
    if (sendsCalls) {
      const nowMs = performance.now();
      this.#sentCallsMs = nowMs;
      this.#recallable = true;
      this.#held.encodeInto(encoder, nowMs);
    }
    if (encoder.records === 0) return; // every held call was cancelled or refused
    this.#unacknowledged++;
    this.#blocked = !this.#transport.send(encoder.finish(0));
  }

  /** One frame at a time: what is small goes in front of the next one. */
  #sendPart(outgoing: OutgoingParts): void {
    const value = outgoing.first;
    if (value === undefined) return;
    const { pending, record } = value;
    if (value.isTorn) {
      pending.fail(torn(pending));
      this.cancel(pending);
    } else {
      this.#blocked = !this.#transport.sendPart(outgoing.next(value));
      if (value.isComplete) {
        this.#sentCallsMs = performance.now();
        this.#recallable = true;
        this.#unacknowledged++;
        this.#blocked = !this.#transport.send(record.frame);
      }
    }
    if (!this.#blocked) setImmediate(this.#fire);
  }

  #receive(document: Uint8Array): void {
    if (this.#ended) return;
    this.#heardMs = performance.now();
    try {
      const incoming = this.#incoming;
      const batch = this.#codec.decode(document, incoming);
      const [acked] = batch;
      if (typeof acked !== "number") throw protocolError("a batch does not begin with a number");
      const { tell } = this.#tap;
      if (tell !== undefined) tellReceived(tell, batch, document.length, this.#pending);
      for (let index = 1; index < batch.length; index++) {
        if (incoming !== undefined) concludeParts(incoming, batch[index]);
        this.#records.take(batch[index]);
      }
      if (acked > this.#unacknowledged)
        throw protocolError(`${acked} batches are acknowledged, of ${this.#unacknowledged} sent`);
      this.#unacknowledged -= acked;
    } catch (error) {
      return this.#break(error as Error);
    }
    // By way of a microtask, so that callers woken by these answers get into the next batch.
    if (!this.#held.isEmpty && this.#unacknowledged < WINDOW && !this.#armed) {
      this.#armed = true;
      queueMicrotask(this.#armLate);
    }
  }

  readonly #armLate = (): void => {
    process.nextTick(this.#fire);
  };

  /** IncomingOwner */
  partCredit(bytes: unknown): void {
    if (this.#outgoing === undefined) throw protocolError("credit came for parts never sent");
    this.#outgoing.grant(bytes);
    if (!this.#armed) this.#arm();
  }

  readonly #isAwaited = (callId: number): boolean => this.#pending.get(callId)?.cancelled === false;

  #place(header: PartHeader, bytes: number): Uint8Array | undefined {
    if (this.#ended) return undefined;
    this.#heardMs = performance.now();
    try {
      const { callId } = header;
      const { maxValueBytes } = this.#options;
      if (maxValueBytes === undefined)
        throw protocolError("the worker sends a part, and its hello did not speak of parts");
      if (this.#pending.get(callId) === undefined)
        throw protocolError(`a part is for the unknown call ${callId}`);
      this.#incoming ??= new IncomingParts(maxValueBytes, this.#isAwaited);
      return this.#incoming.place(header, bytes);
    } catch (error) {
      this.#break(error as Error);
      return undefined;
    }
  }

  /** What the worker sends can no longer be trusted; the fault is the reason that `closed` gives. */
  #break(error: Error): void {
    this.#fault ??= error;
    this.#ended = true;
    this.#transport.close();
  }
  #fault: Error | undefined;
}

/** Of the worker itself, which another connection would not mend. */
function isFault(error: Error | undefined): boolean {
  return SnakepitError.is(error, "PROTOCOL") || SnakepitError.is(error, "VALUE_TOO_LARGE");
}

/** The parts of a record are used up by it. */
function concludeParts(incoming: IncomingParts, record: unknown): void {
  if (!Array.isArray(record) || typeof record[1] !== "number" || record[1] === 0) return;
  incoming.conclude(record[1], record[0] === ToHost.error);
}
