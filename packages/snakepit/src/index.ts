export type {
  Adapter,
  Affinity,
  CallAnswers,
  CallContext,
  CallSession,
  CancelListener,
  Capabilities,
  CommandSpec,
  Connection,
  ConnectOptions,
  Correlation,
  ReachWatcher,
  TelemetryReport,
  TraceFrame,
  TraceListener,
} from "./adapter.ts";
export { closest, show, withArticle } from "./check-options.ts";
export type { CircuitOptions, CircuitPhase } from "./circuit.ts";
export type { Clock } from "./clock.ts";
export type {
  AnyCommands,
  CallParameters,
  CallsOf,
  ChunkOf,
  CommandMap,
  CommandMapOf,
  CommandTypes,
  ReplyOf,
  StreamsOf,
} from "./command-types.ts";
export type { CrashCause } from "./crash.ts";
export { createPool } from "./create-pool.ts";
export { createPools, type PoolsOptions } from "./create-pools.ts";
export {
  type ErrorCode,
  type ErrorDetails,
  type Outcome,
  SnakepitError,
  type SnakepitErrorOptions,
  type StartFailure,
} from "./errors.ts";
export type {
  CallEvent,
  PoolEvent,
  PoolEventName,
  PoolEventOf,
  PublishedEvent,
  SessionEvent,
  StopReason,
  StoreEvent,
} from "./events.ts";
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
export { type LocalLauncherOptions, localLauncher } from "./local/local-launcher.ts";
export { type OrphanSweep, type SweepOptions, sweepOrphans } from "./local/orphans.ts";
export { type ProcessGuards, processGuards } from "./local/process-guards.ts";
export { processTreeMemory } from "./local/process-memory.ts";
export type { LogLevel } from "./log-level.ts";
export type { LogFields, Logger } from "./logging/logger.ts";
export type { NamedPoolOptions } from "./named-pool.ts";
export {
  type PoolLimits,
  type PoolOptions,
  poolLimitNames,
  poolOptionNames,
  poolOptionProblems,
} from "./options.ts";
export { OutputTail } from "./output-tail.ts";
export type {
  CallOptions,
  CloseOptions,
  Pool,
  PoolHealth,
  PoolStats,
  ResizeOptions,
  RestartOptions,
  RestartReport,
  WorkerHealth,
  WorkerInfo,
} from "./pool.ts";
export type { ByPool, Pools, RemoveOptions } from "./pools.ts";
export { type Preset, presets } from "./presets.ts";
export type { RecordStep, Records, RecordValue, SetOptions } from "./records.ts";
export type { Rehydrate, SessionMove } from "./rehydration.ts";
export { runScript, type Script } from "./run-script.ts";
export type { Metadata, Session, SessionOptions } from "./session.ts";
export { SessionSlot } from "./session-slots.ts";
export type { SessionInfo, SessionStats, Sessions } from "./sessions.ts";
export { type CloseOnSignalsOptions, closeOnSignals, type EndSignal } from "./signals.ts";
export type { CommandStats, Percentiles } from "./statistics/command-statistics.ts";
export { type MemoryStoreOptions, memoryStore } from "./store/memory-store.ts";
export { openStore } from "./store/open-store.ts";
export type {
  Awaitable,
  OpenedSession,
  RecordChange,
  RecordHint,
  RecordInfo,
  RecordKey,
  Scope,
  Store,
  StoredRecord,
  StoredSession,
  StoredValue,
  StoreLimits,
} from "./store/store.ts";
export { startTimer } from "./timer.ts";
export type { WorkerNote } from "./worker-history.ts";
export type { WarmUpCall } from "./worker-start.ts";
export type { WorkerPhase } from "./worker-state.ts";
