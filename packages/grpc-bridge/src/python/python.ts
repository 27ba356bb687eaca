import type { CallOptions, Pool } from "snakepit";

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
   * @throws SnakepitError NOT_FOUND with the closest name; REMOTE when the function raises
   */
  call<Reply = unknown>(
    path: string,
    args: readonly unknown[] = [],
    { kwargs = {}, timeoutMs = DEFAULT_TIMEOUT_MS, ...options }: PythonCallOptions = {},
  ): Promise<Reply> {
    const call = this.#pool.execute(
      "python.call",
      { path, args, kwargs },
      { timeoutMs, ...options },
    );
    return call as Promise<Reply>;
  }
}
