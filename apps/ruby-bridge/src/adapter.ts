import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Adapter, SnakepitError } from "snakepit";

const worker = join(import.meta.dirname, "worker.rb");

type Answer = readonly ["value", value: unknown] | readonly ["error", type: string, text: string];

/** What a Ruby worker is, and how it is spoken to; `worker.rb` has the protocol. */
export function rubyAdapter(): Adapter {
  return {
    name: "ruby",
    spec: () => ({ program: "ruby", args: [worker], env: {}, channel: "stdio" }),

    async connect({ endpoint }, { signal }) {
      if (endpoint.kind !== "stdio") throw new TypeError("a Ruby worker is reached on its pipes");
      const { input, output } = endpoint;
      const lines = createInterface({ input: output });
      const [ready] = await once(lines, "line", { signal });
      const commands = new Set<string>(JSON.parse(ready));
      // Ruby answers in the order in which it was asked.
      const waiting: ((answer: Answer) => void)[] = [];
      lines.on("line", (line) => waiting.shift()?.(JSON.parse(line)));
      const ask = async (...question: readonly unknown[]): Promise<unknown> => {
        input.write(`${JSON.stringify(question)}\n`);
        const answer = await new Promise<Answer>((resolve) => waiting.push(resolve));
        if (answer[0] === "value") return answer[1];
        throw failure(answer[1], answer[2]);
      };
      return {
        capabilities: { concurrency: 1, commands },
        execute: (command, args) => ask("call", command, args),
        async *stream(command, args) {
          await ask("open", command, args);
          try {
            // One chunk per question: a slow reader slows Ruby down, and leaving stops it.
            for (;;) {
              const chunk = (await ask("next")) as readonly unknown[];
              if (chunk.length === 0) return;
              yield chunk[0];
            }
          } finally {
            await ask("drop");
          }
        },
        ping: async () => void (await ask("call", "ping", null)),
        [Symbol.asyncDispose]: async () => void input.end(), // which ends the worker
      };
    },
  };
}

function failure(type: string, message: string): SnakepitError<string> {
  if (type === "UnknownFunction")
    return new SnakepitError("UNKNOWN_COMMAND", message, { outcome: "not-started" });
  return new SnakepitError("REMOTE", `${type}: ${message}`, { details: { type, message } });
}
