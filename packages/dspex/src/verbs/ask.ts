import { checkCallOptions, type ModelCallOptions } from "../call-options.ts";
import { checkText, refuse, show } from "../check.ts";
import { createChainOfThought } from "../modules/chain-of-thought.ts";
import { createPredict } from "../modules/predict.ts";
import type { Runner } from "../runner.ts";

export interface AskOptions extends ModelCallOptions {
  /** Let the model think first, and give its reasoning back. Default: false. */
  readonly reasoning?: boolean;
}

export interface ReasonedAnswer {
  readonly reasoning: string;
  readonly answer: string;
}

/** Answers a question from what the model knows. */
export interface Ask {
  (question: string, options: AskOptions & { readonly reasoning: true }): Promise<ReasonedAnswer>;
  (question: string, options?: AskOptions & { readonly reasoning?: false }): Promise<string>;
  (question: string, options: AskOptions): Promise<string | ReasonedAnswer>;
}

const signature = "question -> answer: str";
const instructions = "Answer the question. Say that you do not know when you do not.";

export function createAsk(runner: Runner): Ask {
  const directly = createPredict(runner)(signature, { instructions });
  const thinking = createChainOfThought(runner)(signature, { instructions });

  async function ask(question: string, options: AskOptions = {}): Promise<string | ReasonedAnswer> {
    checkText("question", question);
    checkCallOptions("ask", options, ["reasoning"]);
    const { reasoning = false, ...call } = options;
    if (typeof reasoning !== "boolean") {
      refuse(`reasoning must be true or false; got ${show(reasoning)}`);
    }
    if (reasoning) return await thinking({ question }, call);
    return (await directly({ question }, call)).answer;
  }
  return ask as Ask;
}
