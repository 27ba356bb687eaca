export {
  type AnyCommands,
  type CallOptions,
  type CallParameters,
  type CallsOf,
  type ChunkOf,
  type CloseOptions,
  type CommandMap,
  type CommandMapOf,
  type CommandTypes,
  type ErrorCode,
  type Outcome,
  type ReplyOf,
  SnakepitError,
  type StreamsOf,
} from "snakepit";
export { type Bridge, createBridge } from "./bridge.ts";
export type { BridgeStatus, PoolStatus } from "./bridge-status.ts";
export type { BridgeSession } from "./command-calls.ts";
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
export { mlDefaults, mlPools } from "./ml-pools.ts";
export {
  type BridgeOptions,
  type BridgePoolOptions,
  bridgeOptionNames,
  type PythonSettings,
} from "./options.ts";
export { Python, type PythonCallOptions } from "./python/python.ts";
export { ArrowTable, type TableSource } from "./values/arrow-table.ts";
export { PyFrozenSet, PyTuple } from "./values/collections.ts";
export { PyDate, PyDateTime, PyTime, PyTimeDelta, type TimeDeltaParts } from "./values/dates.ts";
export { PyPlaceholder, PyRef, type PyRefParts, pyTypeName } from "./values/objects.ts";
export {
  type PathFlavour,
  PyComplex,
  PyDecimal,
  PyEnum,
  PyFloat,
  PyPath,
  PyUuid,
  pyFloat,
} from "./values/scalars.ts";
export {
  type AnyTensor,
  Tensor,
  type TensorData,
  type TensorDtype,
  type TensorParts,
} from "./values/tensor.ts";
