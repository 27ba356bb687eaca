export type {
  Adapter,
  CallContext,
  CancelListener,
  Capabilities,
  CommandSpec,
  Connection,
  ConnectOptions,
  Session,
  TelemetryReport,
} from "./adapter.ts";
export { createPool } from "./create-pool.ts";
export {
  type ErrorCode,
  type ErrorDetails,
  type Outcome,
  SnakepitError,
  type SnakepitErrorOptions,
  type StartFailure,
} from "./errors.ts";
export type { PoolEvent, PoolEventName, PoolEventOf, StopReason } from "./events.ts";
export { exitDetails, lastWords } from "./exit-report.ts";
export { holding } from "./hold.ts";
export type {
  Endpoint,
  Launcher,
  LaunchOptions,
  MemoryKind,
  WorkerExit,
  WorkerProcess,
  WorkerSpec,
} from "./launcher.ts";
export { type LocalLauncherOptions, localLauncher } from "./local-launcher.ts";
export type { LogLevel } from "./log-level.ts";
export type { PoolLimits, PoolOptions } from "./options.ts";
export { OutputTail } from "./output-tail.ts";
export type {
  CallOptions,
  CloseOptions,
  CommandMap,
  CommandTypes,
  Pool,
  PoolStats,
  WorkerInfo,
} from "./pool.ts";
export { startTimer } from "./timer.ts";
export type { WorkerPhase } from "./worker.ts";
