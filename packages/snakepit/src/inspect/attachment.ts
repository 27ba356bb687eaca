import type { Socket } from "node:net";
import { closest, show } from "../check-options.ts";
import { SnakepitError } from "../errors.ts";
import { LineReader } from "../process/json-lines.ts";
import * as answers from "./answers.ts";
import type { PoolView } from "./pool-view.ts";
import {
  type Answers,
  INSPECT_VERSION,
  MAX_QUESTION_BYTES,
  type Message,
  type Question,
  type QuestionName,
  questionNames,
  type Traced,
} from "./protocol.ts";
import { TraceFeed } from "./trace-feed.ts";

type Asked = Readonly<Record<string, unknown>>;

/**
 * One command that is attached to this application. It is answered one question after the other,
 * and the next is not read before the last answer has left, so that nothing piles up here.
 */
export class Attachment implements Disposable {
  readonly #socket: Socket;
  readonly #pools: ReadonlySet<PoolView>;
  readonly #questions: Asked[] = [];
  readonly #traces = new Set<Disposable>();
  /** They wait until there is room for more, or nobody to read it. */
  readonly #writing: (() => void)[] = [];
  #isAnswering = false;

  constructor(socket: Socket, pools: ReadonlySet<PoolView>) {
    this.#socket = socket;
    this.#pools = pools;
    socket.unref();
    const reader = new LineReader(
      {
        message: (message) => this.#questions.push(message),
        noise: (text) => this.#refuse(0, `a question is a line of JSON, not ${show(text)}`),
      },
      MAX_QUESTION_BYTES,
    );
    socket.on("data", (chunk: Buffer) => {
      const fault = reader.push(chunk);
      if (fault !== undefined) this.#refuse(0, `the attached command ${fault}`);
      else void this.#answerAll();
    });
    // "close" follows.
    socket.on("error", () => {});
    socket.on("drain", () => this.#goOn());
    socket.once("close", () => {
      this.#questions.length = 0; // nobody is left to hear the answers
      this.#endTraces();
      this.#goOn();
    });
  }

  /** Hangs up when what was said has left. */
  [Symbol.dispose](): void {
    this.#socket.destroySoon();
  }

  async #answerAll(): Promise<void> {
    if (this.#isAnswering) return;
    this.#isAnswering = true;
    this.#socket.pause();
    for (let next = this.#questions.shift(); next !== undefined; next = this.#questions.shift())
      await this.#answer(next);
    this.#isAnswering = false;
    this.#socket.resume();
  }

  async #answer(asked: Asked): Promise<void> {
    const id = typeof asked["id"] === "number" ? asked["id"] : 0;
    const problem = problemOf(asked);
    if (problem !== undefined) return this.#refuse(id, problem);
    try {
      // Checked by `problemOf`.
      const answer = await this.#answerTo(asked as unknown as Question);
      await this.#send({ v: INSPECT_VERSION, id, answer });
    } catch (error) {
      await this.#send({ v: INSPECT_VERSION, id, error: described(error) });
    }
  }

  async #answerTo(question: Question): Promise<Answers[QuestionName]> {
    switch (question.ask) {
      case "application":
        return answers.application(this.#pools);
      case "workers":
        return answers.workers(this.#pools);
      case "sessions":
        return answers.sessions(this.#pools, question);
      case "recycle":
        return answers.recycle(this.#pools, question);
      case "dump":
        return answers.dump(this.#pools, question);
      case "trace":
        return this.#trace(question);
    }
  }

  #trace({ id, worker: idOrPid, values = false }: Question<"trace">): Traced {
    if (this.#traces.size > 0)
      throw new SnakepitError("WORKER_BUSY", "a connection traces one worker; open another");
    const { pool, worker } = answers.find(this.#pools, idOrPid);
    const feed = new TraceFeed({
      values,
      redact: (text) => worker.redaction.text(text),
      send: (line) => this.#send({ v: INSPECT_VERSION, id, ...line }),
    });
    const tap = pool.trace(worker, (frame) => feed.add(frame));
    const tellEnd = async () => {
      await feed.flush();
      await this.#send({ v: INSPECT_VERSION, id, ended: `worker ${worker.id} has stopped` });
    };
    const end = worker.onEnd(() => void tellEnd());
    for (const part of [feed, tap, end]) this.#traces.add(part);
    if (this.#socket.destroyed) this.#endTraces();
    return { pool: pool.name, worker: worker.id, pid: worker.process?.pid };
  }

  /** Resolves when there is room for more, or nobody to read it. */
  async #send(message: Message): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    if (socket.write(`${JSON.stringify(message)}\n`)) return;
    await new Promise<void>((resolve) => {
      this.#writing.push(resolve);
    });
  }

  #goOn(): void {
    for (const resume of this.#writing.splice(0)) resume();
  }

  /** Who does not speak the language is told so once, and sent away. */
  #refuse(id: number, message: string): void {
    if (this.#socket.writableEnded) return;
    this.#questions.length = 0;
    const refusal: Message = { v: INSPECT_VERSION, id, error: { code: "PROTOCOL", message } };
    this.#socket.end(`${JSON.stringify(refusal)}\n`, () => this.#socket.destroy());
  }

  #endTraces(): void {
    for (const part of this.#traces) part[Symbol.dispose]();
    this.#traces.clear();
  }
}

const flags = ["sweep", "values", "force"];

/** What is wrong with a question; undefined when nothing is. */
function problemOf(asked: Asked): string | undefined {
  const { v, id, ask, worker } = asked;
  if (v !== INSPECT_VERSION)
    return `this application speaks version ${INSPECT_VERSION}, not ${show(v)}; use the command of the same version of snakepit`;
  if (!Number.isSafeInteger(id) || (id as number) < 1)
    return `the id of a question is a number above 0, not ${show(id)}`;
  if (!questionNames.includes(ask as QuestionName)) {
    const near = typeof ask === "string" ? closest(ask, questionNames) : undefined;
    const hint = near === undefined ? `there are ${questionNames.join(", ")}` : `meant ${near}?`;
    return `there is no question ${show(ask)}; ${hint}`;
  }
  for (const flag of flags)
    if (asked[flag] !== undefined && typeof asked[flag] !== "boolean")
      return `${flag} is true or false, not ${show(asked[flag])}`;
  const needsWorker = ask === "recycle" || ask === "trace";
  if (needsWorker && (typeof worker !== "string" || worker === ""))
    return `worker is the id or pid of a worker, not ${show(worker)}`;
  return undefined;
}

function described(error: unknown): { readonly code: string; readonly message: string } {
  if (SnakepitError.is(error)) {
    return { code: error.code, message: error.message.replace(/^\[\w+\] /, "") };
  }
  return { code: "FAILED", message: error instanceof Error ? error.message : String(error) };
}
