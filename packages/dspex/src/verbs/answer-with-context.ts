import { checkCallOptions, type ModelCallOptions } from "../call-options.ts";
import { checkText, refuse, show } from "../check.ts";
import { createPredict } from "../modules/predict.ts";
import type { Runner } from "../runner.ts";

/** Answers a question from the given passages, and from nothing else. */
export type AnswerWithContext = (
  question: string,
  context: string | readonly string[],
  options?: ModelCallOptions,
) => Promise<string>;

export function createAnswerWithContext(runner: Runner): AnswerWithContext {
  const reader = createPredict(runner)("question, context: list[str] -> answer: str", {
    instructions:
      "Answer the question from the passages of the context alone. " +
      "Say that the context does not tell when it does not.",
  });
  return async (question, context, options) => {
    checkText("question", question);
    const passages = passagesOf(context);
    checkCallOptions("answerWithContext", options);
    return (await reader({ question, context: passages }, options)).answer;
  };
}

function passagesOf(context: unknown): string[] {
  if (typeof context === "string") {
    checkText("context", context);
    return [context];
  }
  if (!Array.isArray(context)) {
    refuse(`context must be a string or an array of strings; got ${show(context)}`);
  }
  if (context.length === 0) refuse("context is empty; give at least one passage, or use ask");
  for (const [index, passage] of context.entries()) checkText(`context[${index}]`, passage);
  return [...context];
}
