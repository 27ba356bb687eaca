/**
 * What a DSPy program is, as plain data. Closed on purpose: DSPy's own signature parser imports
 * unknown type names, so a string from a user must never reach it. Python's half is
 * `snakepit_bridge/dspy/specification.py`.
 */
export interface ProgramSpec {
  readonly module: "Predict" | "ChainOfThought";
  readonly signature: SignatureSpec;
}

export interface SignatureSpec {
  /** The task in words; DSPy's default sentence when absent. */
  readonly instructions?: string;
  readonly inputs: readonly FieldSpec[];
  readonly outputs: readonly FieldSpec[];
}

export interface FieldSpec {
  readonly name: string;
  readonly type: TypeSpec;
  readonly description?: string;
}

export type TypeSpec =
  | { readonly kind: "str" | "int" | "float" | "bool" | "none" | "any" | "bytes" }
  | { readonly kind: "date" | "datetime" }
  | { readonly kind: "list" | "set"; readonly items: TypeSpec }
  | { readonly kind: "dict"; readonly values: TypeSpec }
  | { readonly kind: "tuple"; readonly items: readonly TypeSpec[] }
  | { readonly kind: "literal"; readonly values: readonly (string | number | boolean | null)[] }
  | { readonly kind: "union"; readonly options: readonly TypeSpec[] }
  | { readonly kind: "object"; readonly name: string; readonly fields: readonly FieldSpec[] }
  /** A type of DSPy's own: `dspy.Image`, `dspy.History`, … */
  | { readonly kind: "dspy"; readonly name: DspyTypeName };

export type DspyTypeName = "Image" | "Audio" | "File" | "History" | "Code" | "Reasoning";

/** Which model answers a call, and how. Travels with the call; nothing in a worker remembers it. */
export interface ModelSettings {
  /** `"demo"`, or DSPy's `provider/name`. */
  readonly model: string;
  readonly apiBase?: string;
  /** A secret: never logged, never part of an error. */
  readonly apiKey?: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
  /** Longest wait for one answer of the model. */
  readonly timeoutMs?: number;
  /** DSPy's cache of answers: off unless true. */
  readonly cache?: boolean;
}

/** Arguments of the commands `dspy.predict` and `dspy.predict_stream`. */
export interface PredictArgs {
  readonly program: ProgramSpec;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly lm: ModelSettings;
  /** How DSPy words its prompts. Default: `"chat"`. */
  readonly adapter?: "chat" | "json" | "xml";
}

export interface Usage {
  /** As DSPy names it; `"demo"` for the built-in demo model. */
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export interface Prediction {
  /** One value per output field; ChainOfThought adds `reasoning`. */
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly usage: Usage;
}

/** Chunks of `dspy.predict_stream`: text as the model writes it, then once the prediction. */
export type PredictChunk =
  | { readonly field: string; readonly delta: string }
  | { readonly final: Prediction };
