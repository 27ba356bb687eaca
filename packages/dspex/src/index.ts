export {
  type Bridge,
  type BridgeOptions,
  type CallOptions,
  type ErrorCode,
  type FieldSpec,
  type ModelSettings,
  type Outcome,
  type SignatureSpec,
  SnakepitError,
  type TypeSpec,
  type Usage,
} from "snakepit-grpc-bridge";
export type { AdapterName, ModelCallOptions } from "./call-options.ts";
export {
  answerWithContext,
  ask,
  chainOfThought,
  classify,
  dspex,
  extractEntities,
  generate,
  predict,
  summarize,
} from "./default-client.ts";
export { createDspex, type Dspex } from "./dspex.ts";
export {
  DspexError,
  type DspexErrorCode,
  type DspexErrorDetails,
  type DspexErrorOptions,
} from "./errors.ts";
export type { Lm } from "./model.ts";
export type { ChainOfThought } from "./modules/chain-of-thought.ts";
export type {
  InputsOf,
  ModuleOptions,
  OutputsOf,
  Predictor,
  PredictorEvent,
  PredictorRun,
} from "./modules/module.ts";
export type { Predict } from "./modules/predict.ts";
export type { SchemaSignature, StandardSchema } from "./schema.ts";
export type { DspexOptions, DspexSettings, DspyBridge } from "./settings.ts";
export type { Checked, Inputs, Outputs } from "./signature/types.ts";
export type { AnswerWithContext } from "./verbs/answer-with-context.ts";
export type { Ask, AskOptions, ReasonedAnswer } from "./verbs/ask.ts";
export type { Classify } from "./verbs/classify.ts";
export type { ExtractEntities, ExtractEntitiesOptions } from "./verbs/extract-entities.ts";
export type { Generate, GenerateOptions } from "./verbs/generate.ts";
export type { Summarize, SummarizeOptions } from "./verbs/summarize.ts";
