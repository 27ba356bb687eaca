import type { Correlation } from "../adapter.ts";
import { idPattern } from "../store/check-arguments.ts";
import { protocolError } from "./pending.ts";

/** Version 00 of W3C Trace Context: https://www.w3.org/TR/trace-context/ */
const traceparentPattern = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** What the standard asks of those who pass it on. */
const MAX_TRACESTATE = 512;

const rules: Readonly<Record<keyof Correlation, (value: string) => boolean>> = {
  traceparent: (value) => traceparentPattern.test(value),
  tracestate: (value) => value.length <= MAX_TRACESTATE,
  correlationId: (value) => idPattern.test(value),
};

/**
 * The last field of a log line or a telemetry record. Keys that are not known are left out: a later
 * version may have more.
 * @throws SnakepitError PROTOCOL
 */
export function receivedCorrelation(value: unknown): Correlation | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value) || value instanceof Uint8Array)
    throw protocolError("the correlation of a record is no map");
  const received: { -readonly [Key in keyof Correlation]: Correlation[Key] } = {};
  for (const [key, isGood] of Object.entries(rules)) {
    const text: unknown = (value as Record<string, unknown>)[key];
    if (text === undefined || text === null) continue;
    if (typeof text !== "string" || !isGood(text))
      throw protocolError(`the ${key} of a record is not what it should be`);
    received[key as keyof Correlation] = text;
  }
  return Object.keys(received).length > 0 ? received : undefined;
}
