import type { TelemetryReport } from "../adapter.ts";
import { receivedCorrelation } from "./correlation.ts";
import { protocolError } from "./pending.ts";

/**
 * `[7, 0, event, measurements, metadata, correlation]` as a report; each map may be left out.
 * @throws SnakepitError PROTOCOL
 */
export function telemetryReport(record: readonly unknown[]): TelemetryReport {
  const [, , event, measurements, metadata] = record;
  const correlation = receivedCorrelation(record[5]);
  if (typeof event !== "string") throw protocolError("a telemetry record names no event");
  const measured = mapOf(measurements, "measurements");
  for (const value of Object.values(measured)) {
    if (typeof value !== "number") throw protocolError(`a measurement of ${event} is no number`);
  }
  return {
    event,
    measurements: measured as Record<string, number>,
    metadata: mapOf(metadata, "metadata"),
    ...(correlation === undefined ? {} : { correlation }),
  };
}

function mapOf(value: unknown, what: string): Record<string, unknown> {
  if (value === undefined || value === null) return Object.create(null);
  if (typeof value !== "object" || Array.isArray(value) || value instanceof Uint8Array) {
    throw protocolError(`the ${what} of a telemetry record are no map`);
  }
  return value as Record<string, unknown>;
}
