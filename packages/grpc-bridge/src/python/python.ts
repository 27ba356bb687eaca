import { type CallOptions, type Pool, SnakepitError } from "snakepit";
import { wordsOf } from "../error-words.ts";

const COMMAND = "python.call";

/** Importing and computing in Python may take its time. */
const DEFAULT_TIMEOUT_MS = 60_000;

export interface PythonCallOptions extends CallOptions {
  /** Keyword arguments. */
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
}

/** Functions of any Python module that is installed beside the workers. */
export class Python {
  readonly #pool: Pick<Pool, "execute" | "stream">;

  constructor(pool: Pick<Pool, "execute" | "stream">) {
    this.#pool = pool;
  }

  /**
   * Calls a function by its dotted name: `call<number>("math.sqrt", [16])`. Whoever can choose the
   * name can run any code: it belongs into the program, not into a request.
   * Waits at most 60 s, unless `timeoutMs` says otherwise.
   * @throws SnakepitError NOT_FOUND with the closest name; INVALID_ARGUMENT for what cannot be called
   * (`math.pi`) or is no dotted name; REMOTE when the function raises; what `Pool.execute` throws
   */
  async call<Reply = unknown>(
    path: string,
    args: readonly unknown[] = [],
    { kwargs = {}, timeoutMs = DEFAULT_TIMEOUT_MS, ...options }: PythonCallOptions = {},
  ): Promise<Reply> {
    try {
      const reply = await this.#pool.execute(
        COMMAND,
        { path, args, kwargs },
        { timeoutMs, ...options },
      );
      return reply as Reply;
    } catch (error) {
      // What the caller aborted with is the caller's own.
      throw error === options.signal?.reason ? error : namingFunction(error, path);
    }
  }
}

/** `… in python.call("json.loads"): …`, where an error names no more than the command. */
function namingFunction(error: unknown, path: string): unknown {
  if (!SnakepitError.is(error)) return error;
  const words = wordsOf(error);
  if (!words.includes(COMMAND)) return error;
  // A function: in a text, `$&` of the path would have a meaning.
  const message = words.replace(COMMAND, () => `${COMMAND}(${JSON.stringify(path)})`);
  return new SnakepitError<string>(error.code, message, {
    ...("cause" in error ? { cause: error.cause } : {}),
    outcome: error.outcome,
    // Where an error has a path of its own, it is that of a value.
    details: { path, ...error.details },
  });
}
