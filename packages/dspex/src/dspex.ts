import { isDeepStrictEqual } from "node:util";
import { createBridge, SnakepitError } from "snakepit-grpc-bridge";
import { BridgeSlot, type StartBridge } from "./bridge-slot.ts";
import { type ChainOfThought, createChainOfThought } from "./modules/chain-of-thought.ts";
import { createPredict, type Predict } from "./modules/predict.ts";
import { createRunner, type OpenBridge, type Runner } from "./runner.ts";
import { bridgeOptionsOf, checkOptions, type DspexOptions, withDspy } from "./settings.ts";
import { withOwnAdvice } from "./setup-advice.ts";
import { type AnswerWithContext, createAnswerWithContext } from "./verbs/answer-with-context.ts";
import { type Ask, createAsk } from "./verbs/ask.ts";
import { type Classify, createClassify } from "./verbs/classify.ts";
import { createExtractEntities, type ExtractEntities } from "./verbs/extract-entities.ts";
import { createGenerate, type Generate } from "./verbs/generate.ts";
import { createSummarize, type Summarize } from "./verbs/summarize.ts";

/** DSPy, as one object. Every function works on its own too: `const { ask } = createDspex()`. */
export interface Dspex extends AsyncDisposable {
  readonly ask: Ask;
  readonly classify: Classify;
  readonly summarize: Summarize;
  readonly extractEntities: ExtractEntities;
  readonly generate: Generate;
  readonly answerWithContext: AnswerWithContext;
  readonly predict: Predict;
  readonly chainOfThought: ChainOfThought;
  /**
   * Replaces the named settings for later calls; the others stay. `undefined` restores a default.
   * Only options of the workers (`python`, `maxWorkers`, …) that differ make a new pool; calls on
   * the old one may finish.
   * @throws SnakepitError INVALID_OPTIONS
   */
  readonly configure: (options: DspexOptions) => void;
  /**
   * Takes no new calls and ends the Python workers, unless the bridge was borrowed. Running calls
   * may finish within `graceMs`. Idempotent.
   */
  readonly close: (options?: { readonly graceMs?: number }) => Promise<void>;
}

/** The verbs and modules of one runner. */
export type Verbs = Omit<Dspex, "configure" | "close" | typeof Symbol.asyncDispose>;

export function createVerbs(runner: Runner): Verbs {
  return {
    ask: createAsk(runner),
    classify: createClassify(runner),
    summarize: createSummarize(runner),
    extractEntities: createExtractEntities(runner),
    generate: createGenerate(runner),
    answerWithContext: createAnswerWithContext(runner),
    predict: createPredict(runner),
    chainOfThought: createChainOfThought(runner),
  };
}

/**
 * A client with settings and workers of its own. Nothing is started before the first call. Whoever
 * makes a client closes it; a bridge passed as `bridge` stays with its owner.
 * @throws SnakepitError INVALID_OPTIONS
 */
export function createDspex(options: DspexOptions = {}): Dspex {
  return createClient(options).dspex;
}

/** A client seen from inside this package. */
export interface Client {
  readonly dspex: Dspex;
  readonly runner: Runner;
  /** What was configured last. */
  readonly options: () => DspexOptions;
}

export function createClient(given: DspexOptions, start: StartBridge = createBridge): Client {
  checkOptions("createDspex", given);
  let options = given;
  const slot = new BridgeSlot(withDspy(bridgeOptionsOf(options)), withOwnAdvice(start));
  let isClosed = false;

  const open: OpenBridge = async (call) => {
    const { bridge } = options;
    if (bridge === undefined || isClosed) return await slot.open(call);
    call.signal?.throwIfAborted();
    return { bridge, timeoutMs: call.timeoutMs };
  };

  function configure(changes: DspexOptions): void {
    checkOptions("configure", changes);
    const next = { ...options, ...changes };
    // Checked once more: `bridge` and `maxWorkers` may exclude each other only together.
    checkOptions("configure", next);
    if (isClosed) {
      throw new SnakepitError("POOL_CLOSED", "this dspex client is closed", {
        outcome: "not-started",
      });
    }
    const before = bridgeOptionsOf(options);
    const after = bridgeOptionsOf(next);
    const isBorrowed = next.bridge !== undefined;
    if (isBorrowed !== (options.bridge !== undefined) || !isDeepStrictEqual(before, after)) {
      slot.replace(withDspy(after));
    }
    options = next;
  }

  async function close(closing?: { readonly graceMs?: number }): Promise<void> {
    isClosed = true;
    await slot.close(closing);
  }

  const runner = createRunner(open, () => options);
  const dspex: Dspex = {
    ...createVerbs(runner),
    configure,
    close,
    [Symbol.asyncDispose]: () => close(),
  };
  return { dspex, runner, options: () => options };
}
