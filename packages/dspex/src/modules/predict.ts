import type { Runner } from "../runner.ts";
import {
  type AnySignature,
  createModule,
  type InputsOf,
  type ModuleOptions,
  type OutputsOf,
  type Predictor,
  type SignatureArgument,
} from "./module.ts";

/**
 * DSPy's `Predict`: one question to the model, by a signature.
 *
 * One generic signature, not overloads, so that a malformed string is a compile error of one line.
 */
export type Predict = <const S extends AnySignature>(
  signature: SignatureArgument<S>,
  options?: ModuleOptions,
) => Predictor<InputsOf<S>, OutputsOf<S>>;

export function createPredict(runner: Runner): Predict {
  return (signature, options) => createModule(runner, "Predict", signature, options);
}
