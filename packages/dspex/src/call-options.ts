import type { CallOptions, PredictArgs, Usage } from "snakepit-grpc-bridge";
import { isObject, type Problem, refuseAll, show, unknownKeys } from "./check.ts";
import { type Lm, lmProblems } from "./model.ts";

/** How DSPy words its prompts. */
export type AdapterName = NonNullable<PredictArgs["adapter"]>;

/** What every call may say about itself; it goes before the module's and the client's settings. */
export interface ModelCallOptions extends CallOptions {
  readonly lm?: Lm | undefined;
  /** Default: `"chat"`. */
  readonly adapter?: AdapterName | undefined;
  /** Hears what the call has used, once, before the answer arrives. */
  readonly onUsage?: ((usage: Usage) => void) | undefined;
}

const adapters: readonly AdapterName[] = ["chat", "json", "xml"];

/**
 * `own` are the options that only this function takes; their values are its affair.
 * @throws SnakepitError INVALID_ARGUMENT
 */
export function checkCallOptions(
  where: string,
  options: unknown,
  own: readonly string[] = [],
): void {
  if (options === undefined) return;
  if (!isObject(options)) {
    refuseAll([`the options of ${where} must be an object; got ${show(options)}`]);
    return;
  }
  const known = [...own, "signal", "timeoutMs", "lm", "adapter", "onUsage"];
  refuseAll([
    ...unknownKeys(where, options, known),
    ...modelChoiceProblems(options),
    ...callProblems(options),
  ]);
}

/** Of `lm` and `adapter`, which calls, modules and clients take alike. */
export function modelChoiceProblems(options: Readonly<Record<string, unknown>>): Problem[] {
  const { lm, adapter } = options;
  return [
    ...(lm === undefined ? [] : lmProblems("lm", lm)),
    ...(adapter === undefined || adapters.includes(adapter as AdapterName)
      ? []
      : [`adapter must be one of ${adapters.join(", ")}; got ${show(adapter)}`]),
  ];
}

export function timeoutProblems(timeoutMs: unknown): Problem[] {
  if (timeoutMs === undefined || (typeof timeoutMs === "number" && timeoutMs > 0)) return [];
  const expected = "a number of milliseconds above 0 (Infinity: no deadline)";
  return [`timeoutMs must be ${expected}; got ${show(timeoutMs)}`];
}

function callProblems({ signal, timeoutMs, onUsage }: Record<string, unknown>): Problem[] {
  return [
    ...(signal === undefined || signal instanceof AbortSignal
      ? []
      : [`signal must be an AbortSignal; got ${show(signal)}`]),
    ...timeoutProblems(timeoutMs),
    ...(onUsage === undefined || typeof onUsage === "function"
      ? []
      : [`onUsage must be a function; got ${show(onUsage)}`]),
  ];
}
