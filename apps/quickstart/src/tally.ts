import type { Usage } from "dspex";

/** What all calls together have used. */
export class Tally {
  readonly #startedMs = performance.now();
  readonly models = new Set<string>();
  /** From here to the first answer: Python's start is in it. */
  firstAnswerMs: number | undefined;
  calls = 0;
  inputTokens = 0;
  outputTokens = 0;

  add({ model, inputTokens, outputTokens }: Usage): void {
    this.firstAnswerMs ??= this.elapsedMs;
    this.models.add(model);
    this.calls += 1;
    this.inputTokens += inputTokens;
    this.outputTokens += outputTokens;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }
}
