import type { WorkerExit } from "./launcher.ts";

/** How long a lost connection waits for the report of what happened to its process. */
export const EXIT_REPORT_MS = 100;

/** How much of stderr stands in a message; `details.stderr` has all that was kept. */
const MESSAGE_LINES = 20;

/** How a process ended, as a sentence goes on after its name. */
export function exitText(exit: WorkerExit): string {
  switch (exit.kind) {
    case "exited":
      return `exited with code ${exit.code}`;
    case "signaled":
      return `was ended by ${exit.signal}`;
    case "lost":
      return `was lost (${exit.reason})`;
  }
}

/** The same for an error's `details`. */
export function exitDetails(exit: WorkerExit | undefined): { exitCode?: number; signal?: string } {
  if (exit?.kind === "exited") return { exitCode: exit.code };
  if (exit?.kind === "signaled") return { signal: exit.signal };
  return {};
}

/** Of an output, as much as fits a screen. */
export function lastLines(output: string): string {
  return output.trimEnd().split("\n").slice(-MESSAGE_LINES).join("\n");
}

/** Where programs say why they end, for the end of a message. Empty when they said nothing. */
export function lastWords(stderr: string): string {
  const lines = lastLines(stderr);
  return lines === "" ? "" : `; its last words:\n${lines}`;
}
