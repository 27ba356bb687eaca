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

type Flat<T> = { [Key in keyof T]: T[Key] };

/** DSPy's `ChainOfThought`: the model reasons first, and the reasoning is one more output. */
export type ChainOfThought = <const S extends AnySignature>(
  signature: SignatureArgument<S>,
  options?: ModuleOptions,
) => Predictor<InputsOf<S>, Flat<{ reasoning: string } & OutputsOf<S>>>;

export function createChainOfThought(runner: Runner): ChainOfThought {
  return (signature, options) => createModule(runner, "ChainOfThought", signature, options);
}
