import { connect, type Socket } from "node:net";
import {
  type Answers,
  INSPECT_VERSION,
  type Message,
  type QuestionName,
  type Questions,
} from "../inspect/protocol.ts";
import { LineReader } from "../process/json-lines.ts";
import { CommandFailure } from "./failure.ts";

/** Of one answer: a dump of ten thousand sessions with their values. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;
/** An application that computes answers late; one that is halted never does. */
const ANSWER_MS = 3_000;

interface Waiting {
  hear(message: Message): void;
  fail(error: Error): void;
}

/** The command's end of a connection to one application. */
export class InspectorClient implements Disposable {
  /** Resolves when the application has hung up. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new LineReader(
      {
        message: (message) => this.#hear(message as unknown as Message),
        noise: () => socket.destroy(),
      },
      MAX_ANSWER_BYTES,
    );
    socket.on("data", (chunk: Buffer) => {
      if (reader.push(chunk) !== undefined) socket.destroy();
    });
    // "close" follows.
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        for (const waiting of this.#waiting.values()) waiting.fail(ended());
        this.#waiting.clear();
        resolve();
      });
    });
  }

  /** @throws the error of the system: ECONNREFUSED when nobody listens there any more */
  static connect(path: string): Promise<InspectorClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new InspectorClient(socket));
      });
    });
  }

  /**
   * With `hearMore` also what follows the answer.
   * @throws CommandFailure: `failed` or `nothing`, with what the application says; `gone`
   */
  ask<Name extends QuestionName>(
    ask: Name,
    details: Questions[Name],
    hearMore?: (message: Message) => void,
  ): Promise<Answers[Name]> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        clearTimeout(late);
        this.#waiting.delete(id);
        reject(error);
      };
      // A recycle lasts as long as a worker takes to start.
      const late = ask === "recycle" ? undefined : setTimeout(() => fail(silent()), ANSWER_MS);
      const hear = (message: Message) => {
        if ("error" in message) return fail(refusal(message.error));
        if (!("answer" in message)) return hearMore?.(message);
        clearTimeout(late);
        if (hearMore === undefined) this.#waiting.delete(id);
        resolve(message.answer as Answers[Name]);
      };
      if (this.#socket.destroyed) return fail(ended());
      this.#waiting.set(id, { hear, fail });
      this.#socket.write(`${JSON.stringify({ v: INSPECT_VERSION, id, ask, ...details })}\n`);
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #hear(message: Message): void {
    // What is of no question is the reason for hanging up, and meant for whoever waits.
    const meant = this.#waiting.get(message.id) ?? [...this.#waiting.values()][0];
    meant?.hear(message);
  }
}

function silent(): CommandFailure {
  return new CommandFailure("gone", `the application has not answered within ${ANSWER_MS} ms`);
}

export function ended(): CommandFailure {
  return new CommandFailure("gone", "the application has ended, or closed its pools");
}

function refusal({ code, message }: { code: string; message: string }): CommandFailure {
  return new CommandFailure(code === "NOT_FOUND" ? "nothing" : "failed", message);
}
