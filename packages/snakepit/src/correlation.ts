import type { Correlation } from "./adapter.ts";

/** Knows in which span a call runs now; undefined when the call is not one that it follows. */
export type TraceSource = (callId: string) => Correlation | undefined;

/** Those who make spans of calls. Of two that follow the same call the last one counts. */
const sources: TraceSource[] = [];

/** Has calls carry the trace context that `source` knows of, until it is disposed of. */
export function addTraceSource(source: TraceSource): Disposable {
  sources.push(source);
  return {
    [Symbol.dispose]() {
      const index = sources.indexOf(source);
      if (index >= 0) sources.splice(index, 1);
    },
  };
}

/** The calls of a program that traces nothing are not even asked for their ids. */
export function isTracing(): boolean {
  return sources.length > 0;
}

/** What ties a call to others; undefined when nothing does. */
export function correlationOf(
  callId: string,
  correlationId: string | undefined,
): Correlation | undefined {
  const trace = traceOf(callId);
  if (correlationId === undefined) return trace;
  return { ...trace, correlationId };
}

function traceOf(callId: string): Correlation | undefined {
  for (let index = sources.length - 1; index >= 0; index--) {
    const found = sources[index]?.(callId);
    if (found !== undefined) return found;
  }
  return undefined;
}
