import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  type Link,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { Correlation } from "../adapter.ts";
import { addTraceSource } from "../correlation.ts";
import type { PoolEventOf } from "../events.ts";
import type { Pool } from "../pool.ts";

/** A call that has not ended, and its spans: one for all of it, and below it those that follow. */
interface OpenCall {
  readonly command: string;
  readonly call: Span;
  /** With `call` as the active span. */
  readonly inside: Context;
  /** The span that was active where the call was made. */
  readonly callerSpanId: string | undefined;
  readonly attributes: Attributes;
  /** It waits, or a worker has it. */
  step: Span;
  isRunning: boolean;
  /** The attempts so far. */
  readonly runs: Link[];
}

/**
 * Of all that are instrumented, because a call may be made on behalf of one in another pool. Of two
 * that follow the same pool the last one wins; the other's nested calls are then its children.
 */
const openCalls = new Map<string, OpenCall>();

/** One span per call, with the children `queue` and `run`; each further attempt links to the earlier. */
export class CallSpans implements Disposable {
  readonly #tracer: Tracer;
  readonly #calls = new Map<string, OpenCall>();
  /** What the worker does for a call belongs below the attempt that it is doing. */
  readonly #source = addTraceSource((callId) => {
    const open = this.#calls.get(callId);
    return open === undefined ? undefined : carriedContext(open.step);
  });

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  follow(poolName: string, pool: Pool): Disposable {
    const listeners = [
      pool.on("call-submitted", (event) => this.#submitted(poolName, event)),
      pool.on("call-started", (event) => this.#started(event)),
      pool.on("call-retried", (event) => this.#retried(event)),
      pool.on("call-ended", (event) => this.#ended(event)),
    ];
    return {
      [Symbol.dispose]() {
        for (const listener of listeners) listener[Symbol.dispose]();
      },
    };
  }

  #submitted(poolName: string, event: PoolEventOf<"call-submitted">): void {
    const { callId, command, sessionId, correlationId } = event;
    const parent = parentOf(event);
    const attributes: Attributes = {
      "rpc.system.name": "snakepit",
      "rpc.method": command,
      "snakepit.pool.name": poolName,
      "snakepit.call.id": callId,
      ...(sessionId === undefined ? {} : { "session.id": sessionId }),
      ...(correlationId === undefined ? {} : { "snakepit.correlation.id": correlationId }),
    };
    const call = this.#tracer.startSpan(
      `call ${command}`,
      { attributes: { ...attributes, "snakepit.call.streaming": event.isStream } },
      parent,
    );
    const inside = trace.setSpan(parent, call);
    const open: OpenCall = {
      command,
      call,
      inside,
      callerSpanId: trace.getSpanContext(parent)?.spanId,
      attributes,
      step: this.#tracer.startSpan(`queue ${command}`, { attributes }, inside),
      isRunning: false,
      runs: [],
    };
    this.#calls.set(callId, open);
    openCalls.set(callId, open);
  }

  #started({ callId, workerId }: PoolEventOf<"call-started">): void {
    const open = this.#calls.get(callId);
    if (open === undefined) return;
    open.step.end();
    const options = {
      kind: SpanKind.CLIENT,
      attributes: { ...open.attributes, "snakepit.worker.id": workerId },
      links: [...open.runs],
    };
    open.step = this.#tracer.startSpan(`run ${open.command}`, options, open.inside);
    open.isRunning = true;
    open.runs.push({ context: open.step.spanContext() });
  }

  /** The worker was lost: this attempt is over, and the call waits for the next one. */
  #retried({ callId, error }: PoolEventOf<"call-retried">): void {
    const open = this.#calls.get(callId);
    if (open === undefined) return;
    const { code } = error as { readonly code?: unknown };
    markFailed(open.step, typeof code === "string" ? code : "OTHER");
    open.step.end();
    const { attributes, command } = open;
    open.step = this.#tracer.startSpan(`queue ${command}`, { attributes }, open.inside);
    open.isRunning = false;
  }

  #ended({ callId, code, workerId, isStream, chunks }: PoolEventOf<"call-ended">): void {
    const open = this.#calls.get(callId);
    if (open === undefined) return;
    const { call, step } = open;
    if (workerId !== undefined) call.setAttribute("snakepit.worker.id", workerId);
    if (isStream) call.setAttribute("snakepit.stream.chunks", chunks);
    if (code !== undefined) for (const span of [step, call]) markFailed(span, code);
    this.#close(callId, open);
  }

  #close(callId: string, open: OpenCall): void {
    open.step.end();
    open.call.end();
    this.#calls.delete(callId);
    if (openCalls.get(callId) === open) openCalls.delete(callId);
  }

  /** What still runs is cut off here, because nobody will hear of its end. */
  [Symbol.dispose](): void {
    this.#source[Symbol.dispose]();
    for (const [callId, open] of this.#calls) this.#close(callId, open);
  }
}

/** As W3C Trace Context has it; undefined for a span of nobody's. */
function carriedContext(span: Span): Correlation | undefined {
  const spanContext = span.spanContext();
  if (!isSpanContextValid(spanContext)) return undefined;
  const { traceId, spanId, traceFlags, traceState } = spanContext;
  const flags = traceFlags.toString(16).padStart(2, "0");
  const tracestate = traceState?.serialize();
  return {
    traceparent: `00-${traceId}-${spanId}-${flags}`,
    ...(tracestate === undefined || tracestate === "" ? {} : { tracestate }),
  };
}

/** Where a call belongs: below the call that it serves, or where its caller is. */
function parentOf({ parentCallId }: PoolEventOf<"call-submitted">): Context {
  const active = context.active();
  const served = parentCallId === undefined ? undefined : openCalls.get(parentCallId);
  if (served === undefined) return active;
  const caller = trace.getSpanContext(active);
  const { traceId, spanId } = served.step.spanContext();
  // A span that the host's own code has opened meanwhile is nearer than the run that it serves.
  const isNearer =
    caller?.traceId === traceId &&
    caller.spanId !== served.callerSpanId &&
    caller.spanId !== spanId;
  return isNearer ? active : trace.setSpan(served.inside, served.step);
}

/** Without the message: it may tell of arguments. */
function markFailed(span: Span, code: string): void {
  span.setAttribute("error.type", code);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
