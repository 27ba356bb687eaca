export {
  type CallOptions,
  type CloseOptions,
  type ErrorCode,
  type Outcome,
  SnakepitError,
} from "snakepit";
export { type Bridge, type BridgeStatus, createBridge } from "./bridge.ts";
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
export type { ListenOptions, ListenTls } from "./listen-options.ts";
export { type BridgeOptions, bridgeOptionNames, type PythonSettings } from "./options.ts";
export { Python, type PythonCallOptions } from "./python/python.ts";
