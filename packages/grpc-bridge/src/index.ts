export {
  type CallOptions,
  type CloseOptions,
  type ErrorCode,
  type Outcome,
  SnakepitError,
} from "snakepit";
export { type Bridge, createBridge } from "./bridge.ts";
export type { BridgeStatus, PoolStatus } from "./bridge-status.ts";
export { DspyService } from "./dspy/service.ts";
export type {
  DspyTypeName,
  FieldSpec,
  ModelSettings,
  PredictArgs,
  PredictChunk,
  Prediction,
  ProgramSpec,
  SignatureSpec,
  TypeSpec,
  Usage,
} from "./dspy/specification.ts";
export { runSetup, type SetupCommand } from "./environment/index.ts";
export { mlDefaults, mlPools } from "./ml-pools.ts";
export {
  type BridgeOptions,
  type BridgePoolOptions,
  bridgeOptionNames,
  type PythonSettings,
} from "./options.ts";
export { Python, type PythonCallOptions } from "./python/python.ts";
