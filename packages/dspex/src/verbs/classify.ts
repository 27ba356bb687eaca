import type { ProgramSpec } from "snakepit-grpc-bridge";
import { checkCallOptions, type ModelCallOptions } from "../call-options.ts";
import { checkNames, checkText, show } from "../check.ts";
import { DspexError } from "../errors.ts";
import type { Runner } from "../runner.ts";

/** Picks the one label that fits the text best. The answer is always one of `labels`. */
export type Classify = <const Label extends string>(
  text: string,
  labels: readonly Label[],
  options?: ModelCallOptions,
) => Promise<Label>;

export function createClassify(runner: Runner): Classify {
  return async (text, labels, options) => {
    checkText("text", text);
    checkNames("labels", labels, '["bug", "question"]');
    checkCallOptions("classify", options);
    const request = { program: programOf(labels), inputs: { text } };
    const { outputs, usage } = await runner.predict(request, options ?? {});
    const label = labels.find((one) => one === outputs["label"]);
    if (label !== undefined) return label;
    const expected = `one of ${labels.map(show).join(", ")}`;
    const received = show(outputs["label"]);
    throw new DspexError(
      "OUTPUT_INVALID",
      `${usage.model} answered ${received}, which must be ${expected}; choose a more capable model`,
      { details: { model: usage.model, field: "label", expected, received } },
    );
  };
}

// Built as data rather than as text, so that a label may hold any character.
function programOf(labels: readonly string[]): ProgramSpec {
  return {
    module: "Predict",
    signature: {
      instructions: "Choose the one label that fits the text best.",
      inputs: [{ name: "text", type: { kind: "str" } }],
      outputs: [{ name: "label", type: { kind: "literal", values: labels } }],
    },
  };
}
