import { type CallOptions, type Pool, SnakepitError } from "snakepit";
import { setupCommandLine } from "../environment/index.ts";
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

  /**
   * One run of a program.
   * @throws SnakepitError REMOTE with the model's failure in `details.code`; UNKNOWN_COMMAND when
   * the workers have no DSPy
   */
  predict(args: PredictArgs, options?: CallOptions): Promise<Prediction> {
    const reply = this.#pool.execute("dspy.predict", args, options);
    return reply.catch(explain) as Promise<Prediction>;
  }

  /** The same, as the model writes it: text per field, and at the end the whole prediction. */
  predictStream(
    args: PredictArgs,
    options?: CallOptions,
  ): AsyncIterableIterator<PredictChunk, undefined> {
    const chunks = this.#pool.stream("dspy.predict_stream", args, options);
    return new ExplainedStream(chunks as AsyncIterableIterator<PredictChunk, undefined>);
  }
}

/** No generator: that would hold back the end of a reader who leaves until the next chunk comes. */
class ExplainedStream<Chunk> implements AsyncIterableIterator<Chunk, undefined> {
  readonly #chunks: AsyncIterableIterator<Chunk, undefined>;

  constructor(chunks: AsyncIterableIterator<Chunk, undefined>) {
    this.#chunks = chunks;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Chunk, undefined>> {
    return this.#chunks.next().catch(explain);
  }

  async return(): Promise<IteratorResult<Chunk, undefined>> {
    await this.#chunks.return?.();
    return { done: true, value: undefined };
  }
}

/** Workers know a command only if something that they have imported registers it. */
function explain(error: unknown): never {
  if (!SnakepitError.is(error, "UNKNOWN_COMMAND")) throw error;
  throw new SnakepitError(
    "UNKNOWN_COMMAND",
    `the workers have no DSPy; give createBridge python: { extras: ["dspy"], preload: ["snakepit_bridge.dspy"] }, and make their environment with \`${setupCommandLine(["dspy"])}\``,
    { cause: error, outcome: error.outcome, details: error.details },
  );
}
