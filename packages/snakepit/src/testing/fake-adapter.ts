import type { Adapter, CallContext, CommandSpec, Connection } from "../adapter.ts";
import { SnakepitError } from "../errors.ts";
import type { Launcher, WorkerExit, WorkerProcess, WorkerSpec } from "../launcher.ts";
import { FakeProcess } from "./fake-process.ts";

/** What a fake worker does with a command. A returned async iterable is for `stream`. */
export type FakeHandler = (args: unknown, context: CallContext, workerId: string) => unknown;

export interface FakeAdapterOptions {
  /** By command. Default: `echo` returns its arguments, `slow` waits until it is cancelled. */
  readonly handlers?: Readonly<Record<string, FakeHandler>>;
  /** Calls that one worker takes side by side. Default: 1. */
  readonly concurrency?: number;
  /** How long a cancelled call takes to confirm; Infinity: never. Default: 0. */
  readonly confirmCancelAfterMs?: number;
  /** Called at each start; what it throws fails the start. */
  readonly onStart?: (workerId: string) => void | Promise<void>;
  /** What a ping meets: a promise that never settles is silence. Default: an answer at once. */
  readonly onPing?: (workerId: string) => void | Promise<void>;
  /** Default: true; as a worker that listens while it works. */
  readonly pingsWhileBusy?: boolean;
  /** A session that the worker has served is over. */
  readonly onSessionEnd?: (workerId: string, sessionId: string) => void;
  readonly commands?: Readonly<Record<string, CommandSpec>>;
}

export interface FakeAdapter extends Adapter {
  readonly launcher: Launcher;
  /** The most calls that one worker ever had at the same time. */
  readonly mostCallsAtOnce: number;
  /** Resolves when a worker has begun that command for the `times`-th time since the beginning. */
  received(command: string, times?: number): Promise<void>;
  /** Ids of the workers that live. */
  workerIds(): string[];
  /** Ends a worker as a crash would. */
  kill(workerId: string, exit?: WorkerExit): void;
}

/** Workers inside this process, for tests of pools and of adapters' users: no program is started. */
export function fakeAdapter(options: FakeAdapterOptions = {}): FakeAdapter {
  return new InProcessAdapter(options);
}

const defaultHandlers: Readonly<Record<string, FakeHandler>> = {
  echo: (args) => args,
  slow: (_args, context) =>
    new Promise((_resolve, reject) => {
      context.signal.addEventListener("abort", () => reject(context.signal.reason), { once: true });
    }),
};

class InProcessAdapter implements FakeAdapter {
  readonly name = "fake";
  readonly launcher: Launcher = {
    name: "fake",
    launch: (_spec, { workerId }) => this.#launch(workerId),
  };
  readonly commands?: Readonly<Record<string, CommandSpec>>;
  mostCallsAtOnce = 0;
  readonly #options: FakeAdapterOptions;
  readonly #workers = new Map<string, FakeProcess>();
  /** How often each command was begun; an object per command, since writing to a map costs more. */
  readonly #begun = new Map<string, { times: number }>();
  #waiting: { command: string; times: number; resolve: () => void }[] = [];

  constructor(options: FakeAdapterOptions) {
    this.#options = options;
    if (options.commands !== undefined) this.commands = options.commands;
  }

  spec(): WorkerSpec {
    return { program: "fake", args: [], env: {}, channel: "dials" };
  }

  async connect(process: WorkerProcess): Promise<Connection> {
    await this.#options.onStart?.(process.workerId);
    return new FakeConnection(process.workerId, this, this.#options);
  }

  received(command: string, times = 1): Promise<void> {
    if ((this.#begun.get(command)?.times ?? 0) >= times) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ command, times, resolve });
    });
  }

  workerIds(): string[] {
    return [...this.#workers.keys()];
  }

  kill(workerId: string, exit: WorkerExit = { kind: "signaled", signal: "SIGKILL" }): void {
    this.#workers.get(workerId)?.end(exit);
  }

  begin(command: string, callsAtOnce: number): void {
    if (callsAtOnce > this.mostCallsAtOnce) this.mostCallsAtOnce = callsAtOnce;
    let count = this.#begun.get(command);
    if (count === undefined) {
      count = { times: 0 };
      this.#begun.set(command, count);
    }
    const times = ++count.times;
    if (this.#waiting.length === 0) return;
    const met = this.#waiting.filter((one) => one.command === command && one.times <= times);
    this.#waiting = this.#waiting.filter((one) => !met.includes(one));
    for (const { resolve } of met) resolve();
  }

  async #launch(workerId: string): Promise<WorkerProcess> {
    const process = new FakeProcess(workerId, { onEnd: () => this.#workers.delete(workerId) });
    this.#workers.set(workerId, process);
    return process;
  }
}

class FakeConnection implements Connection {
  readonly capabilities;
  readonly #adapter: InProcessAdapter;
  readonly #options: FakeAdapterOptions;
  readonly #workerId: string;
  #calls = 0;

  constructor(workerId: string, adapter: InProcessAdapter, options: FakeAdapterOptions) {
    const { concurrency = 1, pingsWhileBusy = true } = options;
    this.capabilities = { concurrency, pingsWhileBusy, commands: "any" } as const;
    this.#workerId = workerId;
    this.#adapter = adapter;
    this.#options = options;
  }

  async execute(command: string, args: unknown, context: CallContext): Promise<unknown> {
    this.#adapter.begin(command, ++this.#calls);
    try {
      return await this.#handler(command)(args, context, this.#workerId);
    } catch (error) {
      await this.#confirmCancel(context);
      throw error;
    } finally {
      this.#calls--;
    }
  }

  async *stream(command: string, args: unknown, context: CallContext): AsyncGenerator<unknown> {
    this.#adapter.begin(command, ++this.#calls);
    try {
      const chunks = this.#handler(command)(args, context, this.#workerId);
      yield* chunks as AsyncIterable<unknown>;
    } finally {
      this.#calls--;
    }
  }

  async ping(): Promise<void> {
    await this.#options.onPing?.(this.#workerId);
  }

  endSession(sessionId: string): void {
    this.#options.onSessionEnd?.(this.#workerId, sessionId);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #handler(command: string): FakeHandler {
    const handler = this.#options.handlers?.[command] ?? defaultHandlers[command];
    if (handler === undefined) {
      throw new SnakepitError("UNKNOWN_COMMAND", `no fake handler for ${command}`, {
        outcome: "not-started",
      });
    }
    return handler;
  }

  /** Only for calls that were cancelled: others would make the signal by asking for it. */
  async #confirmCancel(context: CallContext): Promise<void> {
    const delayMs = this.#options.confirmCancelAfterMs ?? 0;
    if (delayMs === 0 || !context.signal.aborted) return;
    await new Promise<void>((resolve) => {
      if (delayMs !== Number.POSITIVE_INFINITY) setTimeout(resolve, delayMs);
    });
  }
}
