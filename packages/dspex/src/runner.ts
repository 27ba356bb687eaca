import type {
  CallOptions,
  PredictArgs,
  PredictChunk,
  Prediction,
  ProgramSpec,
} from "snakepit-grpc-bridge";
import type { ModelCallOptions } from "./call-options.ts";
import { callError } from "./errors.ts";
import { type ChosenModel, chooseModel, demoNotice } from "./model.ts";
import type { DspexSettings, DspyBridge } from "./settings.ts";

/** Sends one checked request to DSPy. The verbs and modules know nothing below this. */
export interface Runner {
  predict(request: RunRequest, options: ModelCallOptions): Promise<Prediction>;
  /** Text as the model writes it, then once the prediction. Leaving the loop ends the call. */
  stream(request: RunRequest, options: ModelCallOptions): AsyncIterable<PredictChunk>;
}

export interface RunRequest {
  readonly program: ProgramSpec;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** Where calls go: a bridge that is there or that starts now, and what is left of the call's time. */
export type OpenBridge = (
  options: CallOptions,
) => Promise<{ readonly bridge: DspyBridge; readonly timeoutMs: number | undefined }>;

/** `settings` is asked at each call, so that `configure` counts for the later ones. */
export function createRunner(open: OpenBridge, settings: () => DspexSettings): Runner {
  /** Everything that is decided before Python is started or asked. */
  function prepare(request: RunRequest, options: ModelCallOptions) {
    const { lm, adapter, timeoutMs } = settings();
    const model = chooseModel(options.lm ?? lm, process.env);
    const chosenAdapter = options.adapter ?? adapter;
    const args: PredictArgs = {
      ...request,
      lm: model.settings,
      ...(chosenAdapter === undefined ? {} : { adapter: chosenAdapter }),
    };
    return { model, args, call: callOptions(options.signal, options.timeoutMs ?? timeoutMs) };
  }

  return {
    async predict(request, options) {
      const { model, args, call } = prepare(request, options);
      const { bridge, timeoutMs } = await open(call);
      try {
        const prediction = await bridge.dspy.predict(args, callOptions(call.signal, timeoutMs));
        answered(model, prediction, options);
        return prediction;
      } catch (error) {
        throw callError(error, model.settings);
      }
    },

    async *stream(request, options) {
      const { model, args, call } = prepare(request, options);
      const { bridge, timeoutMs } = await open(call);
      try {
        for await (const chunk of bridge.dspy.predictStream(
          args,
          callOptions(call.signal, timeoutMs),
        )) {
          if ("final" in chunk) answered(model, chunk.final, options);
          yield chunk;
        }
      } catch (error) {
        throw callError(error, model.settings);
      }
    },
  };
}

/** Nothing that is `undefined`, which the bridge would take for a value. */
function callOptions(signal: AbortSignal | undefined, timeoutMs: number | undefined): CallOptions {
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

function answered(model: ChosenModel, { usage }: Prediction, { onUsage }: ModelCallOptions): void {
  if (model.source === "default") noticeOnce();
  onUsage?.(usage);
}

// Per process, not per copy of this module: a hot reload must not repeat it.
const noticed = Symbol.for("dspex.demo-notice");

function noticeOnce(): void {
  const global = globalThis as { [noticed]?: boolean };
  if (global[noticed]) return;
  global[noticed] = true;
  process.stderr.write(demoNotice(process.env));
}
