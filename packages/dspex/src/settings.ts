import {
  type BridgeOptions,
  bridgeOptionNames,
  type CallOptions,
  type PredictArgs,
  type PredictChunk,
  type Prediction,
  SnakepitError,
} from "snakepit-grpc-bridge";
import { type AdapterName, modelChoiceProblems, timeoutProblems } from "./call-options.ts";
import { isObject, show, unknownKeys } from "./check.ts";
import type { Lm } from "./model.ts";

/** What calls go by that say nothing else. A setting that is `undefined` has its default. */
export interface DspexSettings {
  /** Which model answers. Default: `DSPEX_LM`, else the demo model. */
  readonly lm?: Lm | undefined;
  /** How DSPy words its prompts. Default: `"chat"`. */
  readonly adapter?: AdapterName | undefined;
  /** Deadline of each call. Default: the bridge's own. */
  readonly timeoutMs?: number | undefined;
}

/** Settings for calls, and options for the Python workers, which start with the first call. */
export interface DspexOptions extends DspexSettings, BridgeOptions {
  /** A bridge that somebody else owns and closes. Excludes the options for a bridge of our own. */
  readonly bridge?: DspyBridge | undefined;
}

/** What dspex needs of a bridge; every `Bridge` has it. */
export interface DspyBridge {
  readonly dspy: {
    predict(args: PredictArgs, options?: CallOptions): Promise<Prediction>;
    predictStream(args: PredictArgs, options?: CallOptions): AsyncIterable<PredictChunk>;
  };
}

const ourNames: readonly string[] = ["lm", "adapter", "timeoutMs", "bridge"];

/** @throws SnakepitError INVALID_OPTIONS; options of the bridge are checked by the bridge */
export function checkOptions(where: string, options: unknown): asserts options is DspexOptions {
  const problems = isObject(options)
    ? [
        ...unknownKeys(where, options, [...ourNames, ...bridgeOptionNames]),
        ...modelChoiceProblems(options),
        ...timeoutProblems(options["timeoutMs"]),
        ...borrowingProblems(options),
      ]
    : [`${where} takes an object; got ${show(options)}`];
  if (problems.length > 0) {
    throw new SnakepitError("INVALID_OPTIONS", problems.join("; "), { outcome: "not-started" });
  }
}

/** What is left for the bridge: everything that is not a setting of ours. */
export function bridgeOptionsOf(options: DspexOptions): BridgeOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !ourNames.includes(name)));
}

/** DSPy is part of the environment and imported before the workers fork, whatever else is. */
export function withDspy(options: BridgeOptions): BridgeOptions {
  const { extras = [], preload = [], ...python } = options.python ?? {};
  return {
    ...options,
    python: {
      ...python,
      extras: [...new Set(["dspy", ...extras])],
      preload: [...new Set(["snakepit_bridge.dspy", ...preload])],
    },
  };
}

function borrowingProblems(options: Record<string, unknown>): string[] {
  const { bridge } = options;
  if (bridge === undefined) return [];
  if (!isObject(bridge) || !isObject(bridge["dspy"])) {
    return [`bridge must be what createBridge() made; got ${show(bridge)}`];
  }
  const others = Object.keys(bridgeOptionsOf(options as DspexOptions));
  return others.length === 0
    ? []
    : [`${others.join(", ")} cannot be set for a bridge that is already there (option bridge)`];
}
