import type { AnsweredQuestion } from "./articles.ts";
import type { Screen } from "./screen.ts";
import type { Tally } from "./tally.ts";
import { agreement, type SortedTicket, scoreByLabel } from "./tickets.ts";

export function printTickets(screen: Screen, tickets: readonly SortedTicket[]): void {
  screen.table(
    ["label", "by people", "by the model", "both agree"],
    scoreByLabel(tickets).map(({ label, gold, sorted, right }) => [
      label,
      String(gold),
      String(sorted),
      String(right),
    ]),
    { align: ["left", "right", "right", "right"] },
  );
  const { labelled, right } = agreement(tickets);
  if (labelled === 0) return;
  const accuracy = screen.bold(`${Math.round((right / labelled) * 100)} %`);
  screen.line(`  Accuracy ${accuracy}: ${right} of ${labelled} as a person labelled them.`);
}

export function printSummaries(
  screen: Screen,
  summaries: readonly { title: string; summary: string }[],
): void {
  for (const [index, { title, summary }] of summaries.entries()) {
    if (index > 0) screen.line();
    screen.line(`  ${screen.bold(title)}`);
    screen.paragraph(summary);
  }
}

export function printAnswers(screen: Screen, answers: readonly AnsweredQuestion[]): void {
  screen.table(
    ["", "question", "answer"],
    answers.map(({ question, answer, right }) => [screen.mark(right), question, answer]),
    { shares: [5, 37, 58] },
  );
  const right = answers.filter((answer) => answer.right).length;
  screen.line(`  ${screen.bold(`${right} of ${answers.length}`)} answers contain what they must.`);
}

export function printEntities(
  screen: Screen,
  entities: Readonly<Record<string, readonly string[]>>,
): void {
  screen.table(
    ["kind", "found"],
    Object.entries(entities).map(([kind, found]) => [kind, found.join(", ") || "(none)"]),
    { shares: [20, 80] },
  );
}

export function printTotals(screen: Screen, tally: Tally): void {
  const { models, calls, inputTokens, outputTokens, firstAnswerMs = 0, elapsedMs } = tally;
  const counts = [calls, inputTokens, outputTokens].map((count) => count.toLocaleString("en"));
  screen.table(
    ["model", "calls", "tokens in", "tokens out", "first answer", "in all"],
    [[[...models].join(", "), ...counts, seconds(firstAnswerMs), seconds(elapsedMs)]],
    { align: ["left", "right", "right", "right", "right", "right"] },
  );
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
