import { checkCallOptions, type ModelCallOptions } from "../call-options.ts";
import { checkCount, checkText } from "../check.ts";
import { createPredict } from "../modules/predict.ts";
import type { Runner } from "../runner.ts";

export interface GenerateOptions extends ModelCallOptions {
  /** In your own words: `"formal"`, `"a limerick"`. Default: `"clear and plain"`. */
  readonly style?: string | undefined;
  /** A number of words, or your own words: `"two paragraphs"`. Default: as long as it takes. */
  readonly length?: number | string | undefined;
}

/** Writes a text. */
export type Generate = (prompt: string, options?: GenerateOptions) => Promise<string>;

export function createGenerate(runner: Runner): Generate {
  const writer = createPredict(runner)("prompt, style, length -> text", {
    instructions: "Write the text that the prompt asks for, in the given style and length.",
  });
  return async (prompt, options) => {
    checkText("prompt", prompt);
    checkCallOptions("generate", options, ["style", "length"]);
    const { style = "clear and plain", length = "as long as it takes", ...call } = options ?? {};
    checkText("style", style);
    if (typeof length === "number") checkCount("length", length);
    else checkText("length (a number of words or a description)", length);
    const inWords = typeof length === "number" ? `${length} words` : length;
    return (await writer({ prompt, style, length: inWords }, call)).text;
  };
}
