import type { ProgramSpec, SignatureSpec, Usage } from "snakepit-grpc-bridge";
import { SnakepitError } from "snakepit-grpc-bridge";
import {
  type AdapterName,
  checkCallOptions,
  type ModelCallOptions,
  modelChoiceProblems,
} from "../call-options.ts";
import { isObject, refuse, refuseAll, show, unknownKeys } from "../check.ts";
import { DspexError } from "../errors.ts";
import type { Lm } from "../model.ts";
import type { Runner, RunRequest } from "../runner.ts";
import {
  type SchemaInput,
  type SchemaOutput,
  type SchemaSignature,
  signatureOf,
  validInputs,
  validOutputs,
} from "../schema.ts";
import { parseSignature } from "../signature/parse.ts";
import type { Checked, Inputs, Outputs } from "../signature/types.ts";
import { inputProblems, valueProblems } from "../signature/values.ts";

/** A DSPy module, ready to be called. Making one starts nothing; calling it starts Python. */
export interface Predictor<In, Out> {
  /**
   * @throws SnakepitError INVALID_ARGUMENT (nothing was sent), TIMEOUT, …
   * @throws DspexError MODEL_…, CONTEXT_TOO_LONG, OUTPUT_INVALID
   */
  (inputs: In, options?: ModelCallOptions): Promise<Out>;
  /** The same, together with what it has used. */
  run(inputs: In, options?: ModelCallOptions): Promise<PredictorRun<Out>>;
  /** Text as the model writes it, then once the checked outputs. Leaving the loop ends the call. */
  stream(inputs: In, options?: ModelCallOptions): AsyncIterable<PredictorEvent<Out>>;
  /** As parsed: what Python is told. */
  readonly signature: SignatureSpec;
}

export interface PredictorRun<Out> {
  readonly outputs: Out;
  readonly usage: Usage;
}

/**
 * Deltas of a text field add up to its value; a field of another type comes as text in one delta.
 * The values to work with are those of `final`.
 */
export type PredictorEvent<Out> =
  | {
      readonly type: "delta";
      readonly field: Extract<keyof Out, string>;
      readonly delta: string;
    }
  | { readonly type: "final"; readonly final: Out; readonly usage: Usage };

/** What a module sets for all of its calls. */
export interface ModuleOptions {
  /** The task in words. Default: a sentence that DSPy makes of the field names. */
  readonly instructions?: string | undefined;
  readonly lm?: Lm | undefined;
  readonly adapter?: AdapterName | undefined;
}

export type AnySignature = string | SchemaSignature;
/** A well-formed signature is its own type; a malformed one turns into the sentence that says why. */
export type SignatureArgument<S extends AnySignature> = S extends string ? Checked<S> : S;
export type InputsOf<S extends AnySignature> = S extends string
  ? Inputs<S>
  : S extends SchemaSignature
    ? SchemaInput<S["input"]>
    : never;
export type OutputsOf<S extends AnySignature> = S extends string
  ? Outputs<S>
  : S extends SchemaSignature
    ? SchemaOutput<S["output"]>
    : never;

/**
 * @throws SnakepitError INVALID_ARGUMENT for a malformed signature or option
 * @throws DspexError SIGNATURE_INVALID for a signature that the module cannot take
 */
export function createModule<In, Out>(
  runner: Runner,
  module: ProgramSpec["module"],
  signature: AnySignature,
  options: ModuleOptions = {},
): Predictor<In, Out> {
  checkModuleOptions(module, options);
  const schemas = typeof signature === "string" ? undefined : signature;
  const spec = specOf(signature, options.instructions);
  const program: ProgramSpec = { module, signature: spec };
  if (module === "ChainOfThought") refuseReasoning(spec);

  async function request(inputs: unknown, call: unknown): Promise<RunRequest> {
    checkCallOptions(module, call);
    if (schemas !== undefined) {
      return { program, inputs: await validInputs(schemas.input, inputs) };
    }
    refuseAll(inputProblems(spec, inputs));
    return { program, inputs: { ...(inputs as Record<string, unknown>) } };
  }

  const settled = (call: ModelCallOptions | undefined): ModelCallOptions => ({
    ...call,
    lm: call?.lm ?? options.lm,
    adapter: call?.adapter ?? options.adapter,
  });

  async function outputsOf(
    answered: Readonly<Record<string, unknown>>,
    model: string,
  ): Promise<Out> {
    const outputs = checkedOutputs(program, answered, model);
    if (schemas === undefined) return outputs as Out;
    if (module === "Predict") return (await validOutputs(schemas.output, outputs, model)) as Out;
    // The schema knows nothing of the reasoning that the module adds.
    const { reasoning, ...declared } = outputs;
    const valid = await validOutputs(schemas.output, declared, model);
    return { reasoning, ...(valid as object) } as Out;
  }

  async function run(inputs: In, call?: ModelCallOptions): Promise<PredictorRun<Out>> {
    const { outputs, usage } = await runner.predict(await request(inputs, call), settled(call));
    return { outputs: await outputsOf(outputs, usage.model), usage };
  }

  async function* stream(
    inputs: In,
    call?: ModelCallOptions,
  ): AsyncGenerator<PredictorEvent<Out>, void> {
    for await (const chunk of runner.stream(await request(inputs, call), settled(call))) {
      if ("final" in chunk) {
        const { outputs, usage } = chunk.final;
        yield { type: "final", final: await outputsOf(outputs, usage.model), usage };
        return;
      }
      const field = chunk.field as Extract<keyof Out, string>;
      yield { type: "delta", field, delta: chunk.delta };
    }
    throw new SnakepitError("PROTOCOL", "the stream ended without an answer");
  }

  const call = async (inputs: In, callOptions?: ModelCallOptions): Promise<Out> =>
    (await run(inputs, callOptions)).outputs;
  return Object.assign(call, { run, stream, signature: spec });
}

function specOf(signature: unknown, instructions: string | undefined): SignatureSpec {
  const spec =
    typeof signature === "string"
      ? parseSignature(signature)
      : isObject(signature)
        ? signatureOf(checkedKeys(signature))
        : refuse(
            `a signature is a string such as "question -> answer: str", or { input, output } with schemas; got ${show(signature)}`,
          );
  return instructions === undefined ? spec : { ...spec, instructions };
}

function checkedKeys(signature: Record<string, unknown>): SchemaSignature {
  refuseAll(unknownKeys("a signature of schemas", signature, ["input", "output", "description"]));
  return signature as unknown as SchemaSignature;
}

function checkModuleOptions(module: string, options: unknown): void {
  if (!isObject(options)) {
    refuse(`the options of ${module} must be an object; got ${show(options)}`);
  }
  const { instructions } = options;
  refuseAll([
    ...unknownKeys(module, options, ["instructions", "lm", "adapter"]),
    ...modelChoiceProblems(options),
    ...(instructions === undefined || typeof instructions === "string"
      ? []
      : [`instructions must be a string; got ${show(instructions)}`]),
  ]);
}

function refuseReasoning(spec: SignatureSpec): void {
  const has = [...spec.inputs, ...spec.outputs].some((field) => field.name === "reasoning");
  if (!has) return;
  const fix = "ChainOfThought adds it itself: leave it out, or use predict";
  throw new DspexError("SIGNATURE_INVALID", `the signature has a field reasoning; ${fix}`, {
    outcome: "not-started",
    details: { field: "reasoning" },
  });
}

/** The outputs in the signature's order, each of its declared type, as an ordinary object. */
function checkedOutputs(
  { module, signature }: ProgramSpec,
  answered: Readonly<Record<string, unknown>>,
  model: string,
): Record<string, unknown> {
  const reasoning = { name: "reasoning", type: { kind: "str" } } as const;
  const fields =
    module === "ChainOfThought" ? [reasoning, ...signature.outputs] : signature.outputs;
  return Object.fromEntries(
    fields.map(({ name, type }) => {
      const value = answered[name] ?? null;
      const [problem] = valueProblems(type, value, name);
      if (problem === undefined) return [name, value];
      const { path, expected } = problem;
      const received = show(problem.received);
      throw new DspexError(
        "OUTPUT_INVALID",
        `${model} gave ${received} for ${path}, which must be ${expected}; describe the field better, or choose a more capable model`,
        { details: { model, field: path, expected, received } },
      );
    }),
  );
}
