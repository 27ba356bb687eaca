/** `snakepit/otel`: what pools do, as OpenTelemetry spans and metrics. */
export {
  type Instrumented,
  type InstrumentOptions,
  instrument,
  type PoolGroup,
} from "./instrument.ts";
