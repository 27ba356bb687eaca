/**
 * The quick start: a support inbox and two newspaper articles, read by a language model through
 * dspex. Everything it prints was computed just now, from the files in `data/`.
 */
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  createDspex,
  type Dspex,
  DspexError,
  type ModelCallOptions,
  SnakepitError,
  type Usage,
} from "dspex";
import {
  type Article,
  answerQuestions,
  articleNamed,
  type Question,
  readArticles,
  readQuestions,
} from "./articles.ts";
import { Ending, endingSignal, sentence } from "./ending.ts";
import { chooseModel, demoModel, type ModelChoice } from "./model.ts";
import {
  printAnswers,
  printEntities,
  printSummaries,
  printTickets,
  printTotals,
} from "./report.ts";
import { createScreen } from "./screen.ts";
import { Tally } from "./tally.ts";
import { thinkAloud } from "./think-aloud.ts";
import { readTickets, sortTickets, type Ticket } from "./tickets.ts";

const usage = `Usage: node src/main.ts [--data <folder>]

  --data <folder>  read tickets, articles and questions from there   (default: data/)

DSPEX_LM names the model, for example openai/gpt-5-mini, ollama_chat/llama3.2 or demo.`;

const signal = endingSignal();
const screen = createScreen(process.stdout);
process.exitCode = await run();

async function run(): Promise<number> {
  try {
    const { values } = parseArgs({
      options: { data: { type: "string" }, help: { type: "boolean", short: "h" } },
    });
    if (values.help) screen.line(usage);
    else await quickstart(values.data ?? join(import.meta.dirname, "../data"));
    return 0;
  } catch (error) {
    if (signal.reason instanceof Ending) {
      const { message, exitCode } = signal.reason;
      if (message) process.stderr.write(`\n${message}\n`);
      return exitCode;
    }
    const way = DspexError.is(error) ? "; DSPEX_LM=demo needs no model and no network" : "";
    process.stderr.write(`\nThe quick start cannot go on: ${sentence(error)}${way}\n`);
    return 1;
  }
}

async function quickstart(folder: string): Promise<void> {
  const data = await readData(folder);
  screen.line(screen.bold("Snakepit quick start: TypeScript asks, DSPy in Python answers"));
  const model = await chooseModel(process.env);
  screen.paragraph(`Model: ${model.notice}`);
  screen.line(screen.dim("  The first call starts Python and imports DSPy, which takes a moment."));

  const tally = new Tally();
  const dspex = createDspex({ lm: model.lm, timeoutMs: model.timeoutMs });
  const call = { signal, onUsage: (usage: Usage) => tally.add(usage) };
  try {
    if (model.found) await orElseTheDemoModel(dspex, model, call);
    await story(dspex, data, call);
  } finally {
    // When the story was cut short, calls may still run that nobody waits for.
    await dspex.close({ graceMs: 0 });
  }
  screen.heading("In all");
  printTotals(screen, tally);
  screen.line(
    screen.dim(
      "  This program is apps/quickstart/src/main.ts; its texts are in apps/quickstart/data.",
    ),
  );
}

/** An old key or a machine without network should not stand between a newcomer and the demo. */
async function orElseTheDemoModel(
  dspex: Dspex,
  model: ModelChoice,
  call: ModelCallOptions,
): Promise<void> {
  try {
    // A network that swallows everything must not hold the newcomer up for long either.
    const lm = { model: model.lm, timeoutMs: 20_000 };
    await dspex.ask("Are you there? Answer with one word.", { ...call, lm });
  } catch (error) {
    if (!DspexError.is(error) && !SnakepitError.is(error, "TIMEOUT")) throw error;
    screen.paragraph(`That did not work: ${sentence(error)}`);
    screen.paragraph(`Model instead: ${demoModel.notice}`);
    dspex.configure({ lm: demoModel.lm });
  }
}

async function story(dspex: Dspex, data: Data, call: ModelCallOptions): Promise<void> {
  const { tickets, articles, questions } = data;

  screen.heading(`1  ${tickets.length} support tickets, sorted all at once`);
  const progress = screen.progress("tickets", tickets.length);
  const sorted = await sortTickets(dspex, tickets, call, progress.advance).finally(progress.stop);
  printTickets(screen, sorted);

  screen.heading("2  Summaries");
  const longest = sorted.toSorted((a, b) => b.text.length - a.text.length).slice(0, 2);
  const texts = [
    ...articles.map(({ title, text }) => ({ title, text, maxLength: 60 })),
    ...longest.map(({ id, label, text }) => ({
      title: `Ticket ${id} (${label})`,
      text,
      maxLength: 25,
    })),
  ];
  const summaries = await Promise.all(
    texts.map(async ({ title, text, maxLength }) => ({
      title,
      summary: await dspex.summarize(text, { ...call, maxLength }),
    })),
  );
  printSummaries(screen, summaries);

  screen.heading("3  Questions about the articles");
  printAnswers(screen, await answerQuestions(dspex, questions, articles, call));

  const [article] = articles;
  if (article) {
    screen.heading(`4  Who, where, when and how much in “${article.title}”`);
    const types = ["people", "organizations", "places", "dates", "amounts"] as const;
    printEntities(screen, await dspex.extractEntities(article.text, { ...call, types }));
  }

  const question = questions.find(({ question }) => question.startsWith("Why")) ?? questions[0];
  if (question) {
    screen.heading(`5  Thinking aloud: ${question.question}`);
    const context = articleNamed(articles, question.article).text;
    await thinkAloud(screen, dspex, { context, question: question.question }, call);
  }
}

interface Data {
  readonly tickets: readonly Ticket[];
  readonly articles: readonly Article[];
  readonly questions: readonly Question[];
}

/** @throws Error naming the file that cannot be read */
async function readData(folder: string): Promise<Data> {
  const [tickets, articles, questions] = await Promise.all([
    readTickets(folder),
    readArticles(folder),
    readQuestions(folder),
  ]);
  return { tickets, articles, questions };
}
