import { setTimeout as pause } from "node:timers/promises";
import type { Dspex, ModelCallOptions } from "dspex";
import type { Screen, Typing } from "./screen.ts";

/** Shows the model's reasoning and then its answer while they are being written. */
export async function thinkAloud(
  screen: Screen,
  dspex: Dspex,
  inputs: { context: string; question: string },
  call: ModelCallOptions,
): Promise<void> {
  const think = dspex.chainOfThought("context, question -> answer");
  let field: string | undefined;
  let typing: Typing | undefined;
  for await (const event of think.stream(inputs, call)) {
    if (event.type === "final") break;
    if (event.field !== field) {
      typing?.end();
      field = event.field; // "reasoning", then "answer"
      typing = screen.typing(field);
    }
    typing?.write(event.delta);
    // The demo model writes faster than anyone can see. Waiting here slows it down for real: a
    // stream runs only as fast as it is read.
    if (screen.interactive) await pause(20, undefined, signalOf(call));
  }
  typing?.end();
}

function signalOf({ signal }: ModelCallOptions): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
