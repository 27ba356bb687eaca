/** A failed test, or another failed check. */
export interface Problem {
  /** "a > name: first line of what went wrong" */
  readonly title: string;
  /** What there is to read of it: the stack, what was printed. May be empty. */
  readonly text: string;
}

/** Of so many problems the details are shown, and of each so many lines. */
const mostDetails = 10;
const mostLines = 40;

/** For the end of a run: where one is kept, often only its end is. All titles come last. */
export function described(problems: readonly Problem[]): string {
  const details = problems
    .filter(({ text }) => text !== "")
    .slice(0, mostDetails)
    .map(({ title, text }) => `\n✗ ${title}\n${shortened(text)}\n`);
  const titles = problems.map(({ title }) => `  ✗ ${title}\n`);
  return `${details.join("")}\nFailed:\n${titles.join("")}`.trimEnd();
}

function shortened(text: string): string {
  const lines = text.split("\n");
  const shown = lines.slice(0, mostLines);
  if (lines.length > mostLines) shown.push(`… ${lines.length - mostLines} more lines`);
  return shown.map((line) => `    ${line}`).join("\n");
}
