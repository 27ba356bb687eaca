import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Dspex, ModelCallOptions } from "dspex";

export interface Article {
  /** File name. */
  readonly name: string;
  /** First line of the file. */
  readonly title: string;
  /** Everything below it. */
  readonly text: string;
}

export interface Question {
  readonly article: string;
  readonly question: string;
  /** Any one of these, in whatever case. Never shown to the model. */
  readonly rightIfItContains: readonly string[];
}

export interface AnsweredQuestion extends Question {
  readonly answer: string;
  readonly right: boolean;
}

/** Reads `articles/*.txt`. */
export async function readArticles(folder: string): Promise<Article[]> {
  const files = (await readdir(join(folder, "articles"))).filter((name) => name.endsWith(".txt"));
  return Promise.all(
    files.sort().map(async (name) => {
      const [title = name, ...text] = (
        await readFile(join(folder, "articles", name), "utf8")
      ).split("\n");
      return { name, title, text: text.join("\n").trim() };
    }),
  );
}

/** Reads `questions.json`. */
export async function readQuestions(folder: string): Promise<Question[]> {
  return JSON.parse(await readFile(join(folder, "questions.json"), "utf8")) as Question[];
}

export function answerQuestions(
  dspex: Dspex,
  questions: readonly Question[],
  articles: readonly Article[],
  call: ModelCallOptions,
): Promise<AnsweredQuestion[]> {
  return Promise.all(
    questions.map(async (question) => {
      const answer: string = await dspex.answerWithContext(
        question.question,
        articleNamed(articles, question.article).text,
        call,
      );
      return { ...question, answer, right: isRight(answer, question) };
    }),
  );
}

export function articleNamed(articles: readonly Article[], name: string): Article {
  const article = articles.find((candidate) => candidate.name === name);
  if (!article) throw new Error(`questions.json asks about ${name}, which is not in articles/.`);
  return article;
}

function isRight(answer: string, question: Question): boolean {
  const given = answer.toLowerCase();
  return question.rightIfItContains.some((part) => given.includes(part.toLowerCase()));
}
