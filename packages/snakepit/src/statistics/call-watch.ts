import type { Call } from "../call.ts";
import type { Clock } from "../clock.ts";
import type { Deadlines } from "../deadlines.ts";
import { SnakepitError } from "../errors.ts";
import type { EventHub } from "../event-hub.ts";
import { CommandStatistics } from "./command-statistics.ts";

/** Codes are a short list, but the layers above add their own. */
const MAX_CODES = 100;

/**
 * Sees each call come and go: counts it, measures it, and tells of it. On the hot path, which has
 * about a microsecond per call: without listeners and without `telemetry` only numbers go up.
 */
export class CallWatch {
  requests = 0;
  succeeded = 0;
  failed = 0;
  /** Times that a call was sent again after its worker was lost. */
  retried = 0;
  /** Calls of a session with a home that went there, or to another worker. */
  affinityHits = 0;
  affinityMisses = 0;
  readonly #errors = new Map<string, number>();
  readonly #commands = new CommandStatistics();
  readonly #events: EventHub;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #isTimed: boolean;

  constructor(events: EventHub, deadlines: Deadlines, clock: Clock, isTimed: boolean) {
    this.#events = events;
    this.#deadlines = deadlines;
    this.#clock = clock;
    this.#isTimed = isTimed;
  }

  /** By code. */
  get errors(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#errors);
  }

  get commands(): ReturnType<CommandStatistics["report"]> {
    return this.#commands.report();
  }

  /** On the stack of its caller. */
  submitted(call: Call): void {
    this.requests++;
    if (!this.#events.wantsSubmitted) return;
    const { callId, command, session, parent, correlationId } = call;
    this.#events.emit({
      name: "call-submitted",
      callId,
      command,
      isStream: call.stream !== undefined,
      sessionId: session?.id,
      parentCallId: parent?.callId,
      correlationId,
    });
  }

  /** A worker takes it; `queuedMs` is set. */
  started(call: Call, workerId: string): void {
    if (!this.#events.wantsStarted) return;
    const { callId, command, queuedMs } = call;
    this.#events.emit({ name: "call-started", callId, command, workerId, queuedMs });
  }

  answered(call: Call): void {
    this.succeeded++;
    if (this.#isTimed) this.#measure(call, false);
    if (this.#events.wantsEnded) this.#ended(call, undefined, undefined);
  }

  failedWith(call: Call, error: unknown): void {
    this.failed++;
    const code = codeOf(call, error);
    const counted = this.#errors.size < MAX_CODES || this.#errors.has(code) ? code : "OTHER";
    this.#errors.set(counted, (this.#errors.get(counted) ?? 0) + 1);
    if (this.#isTimed) this.#measure(call, true);
    if (this.#events.wantsEnded) this.#ended(call, error, code);
  }

  #measure(call: Call, failed: boolean): void {
    const record = this.#commands.of(call.command);
    record.calls++;
    if (failed) record.errors++;
    if (call.isRefused) return;
    const times = this.#isQuick(call) ? record.sample() : 1;
    if (times === 0) return;
    const totalMs = this.#clock.now() - call.createdMs;
    record.took(totalMs, call.workerId === undefined ? undefined : totalMs - call.queuedMs, times);
  }

  /**
   * The wheel of deadlines has not come by since it was made, so that it took 8 ms at most (unless
   * this process itself was blocked; then it has the chances of a quick one). Looking at the clock
   * and counting at the end of every call made one of 0.6 µs a fifth dearer (measured with the fake
   * adapter, 64 calls at once); with one in sixteen quick ones it is some 6 %.
   */
  #isQuick(call: Call): boolean {
    return call.createdMs > this.#deadlines.tickedMs && call.deadlineMs < Number.POSITIVE_INFINITY;
  }

  #ended(call: Call, error: unknown, code: string | undefined): void {
    const { callId, command, stream, session, workerId } = call;
    const totalMs = this.#clock.now() - call.createdMs;
    const queuedMs = workerId === undefined ? totalMs : call.queuedMs;
    this.#events.emit({
      name: "call-ended",
      callId,
      command,
      isStream: stream !== undefined,
      sessionId: session?.id,
      workerId,
      queuedMs,
      runMs: totalMs - queuedMs,
      chunks: stream?.chunks ?? 0,
      error,
      code,
    });
  }
}

function codeOf(call: Call, error: unknown): string {
  if (call.isAborted) return "ABORTED";
  return SnakepitError.is(error) ? error.code : "OTHER";
}
