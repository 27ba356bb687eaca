import { checkCallOptions, type ModelCallOptions } from "../call-options.ts";
import { checkCount, checkText } from "../check.ts";
import { createPredict } from "../modules/predict.ts";
import type { Runner } from "../runner.ts";

export interface SummarizeOptions extends ModelCallOptions {
  /** In words. The model is told; a weak one may miss it. Default: 100. */
  readonly maxLength?: number | undefined;
}

/** Says in fewer words what a text says. */
export type Summarize = (text: string, options?: SummarizeOptions) => Promise<string>;

export function createSummarize(runner: Runner): Summarize {
  const summarizer = createPredict(runner)("text, max_words: int -> summary: str", {
    instructions:
      "Summarize the text in at most max_words words. Keep to what the text says and add nothing.",
  });
  return async (text, options) => {
    checkText("text", text);
    checkCallOptions("summarize", options, ["maxLength"]);
    const { maxLength = 100, ...call } = options ?? {};
    checkCount("maxLength", maxLength);
    return (await summarizer({ text, max_words: maxLength }, call)).summary;
  };
}
