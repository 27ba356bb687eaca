import type { CallOptions, Pool } from "snakepit";
import type { PredictArgs, PredictChunk, Prediction } from "./specification.ts";

/**
 * DSPy programs as plain data: which signature, which inputs, which model. Workers need
 * `python: { extras: ["dspy"], preload: ["snakepit_bridge.dspy"] }`.
 */
export class DspyService {
  readonly #pool: Pick<Pool, "execute" | "stream">;

  constructor(pool: Pick<Pool, "execute" | "stream">) {
    this.#pool = pool;
  }

  /** One run of a program. @throws SnakepitError REMOTE with the model's failure in `details.code` */
  predict(args: PredictArgs, options?: CallOptions): Promise<Prediction> {
    return this.#pool.execute("dspy.predict", args, options) as Promise<Prediction>;
  }

  /** The same, as the model writes it: text per field, and at the end the whole prediction. */
  predictStream(
    args: PredictArgs,
    options?: CallOptions,
  ): AsyncIterableIterator<PredictChunk, undefined> {
    return this.#pool.stream("dspy.predict_stream", args, options) as AsyncIterableIterator<
      PredictChunk,
      undefined
    >;
  }
}
