/** One step of making an environment. */
export interface SetupProgress {
  readonly step: "wait" | "uv" | "create" | "install" | "check" | "ready";
  /** For people, without a full stop. */
  readonly message: string;
}

export type ProgressListener = (progress: SetupProgress) => void;

/** Writes each step as a line on standard error, which leaves standard output to the program. */
export function printProgress({ step, message }: SetupProgress): void {
  const colored = process.stderr.isTTY && process.env["NO_COLOR"] === undefined;
  const mark = step === "ready" ? "✔" : "•";
  process.stderr.write(`${colored ? `\u001b[36m${mark}\u001b[0m` : mark} ${message}\n`);
}
