import type {
  CallAnswers,
  CallContext,
  Capabilities,
  Connection,
  ConnectOptions,
  ReachWatcher,
  TraceListener,
} from "snakepit";
import type { Arrival, Channel, Lease } from "snakepit/wire";

/** One Python worker's channel, as a pool knows it. */
export class PythonConnection implements Connection {
  readonly capabilities: Capabilities;
  readonly shortCommands: ReadonlySet<string>;
  readonly closed: Promise<Error | undefined>;
  readonly #channel: Channel;
  readonly #lease: Lease | undefined;

  constructor({ hello, channel, lease }: Arrival, { log, telemetry }: ConnectOptions) {
    const { concurrency, commands } = hello;
    // A thread of its own reads, and answers pings, whatever the others do.
    this.capabilities = { concurrency, commands, pingsWhileBusy: true };
    this.shortCommands = channel.shortCommands;
    this.closed = channel.closed;
    this.#channel = channel;
    this.#lease = lease;
    channel.onLog = log;
    channel.onTelemetry = telemetry;
  }

  get heardMs(): number {
    return this.#channel.heardMs;
  }

  execute(command: string, args: unknown, context: CallContext): Promise<unknown> {
    return this.#channel.execute(command, args, context);
  }

  begin(command: string, args: unknown, context: CallContext, answers: CallAnswers): void {
    this.#channel.begin(command, args, context, answers);
  }

  stream(command: string, args: unknown, context: CallContext): AsyncIterable<unknown> {
    return this.#channel.stream(command, args, context);
  }

  ping(context: CallContext): Promise<void> {
    return this.#channel.ping(context);
  }

  recall(afterMs: number): void {
    this.#channel.recall(afterMs);
  }

  endSession(sessionId: string): void {
    this.#channel.endSession(sessionId);
  }

  watchReach(watcher: ReachWatcher): void {
    this.#lease?.watch(watcher);
  }

  trace(listener: TraceListener): Disposable {
    return this.#channel.trace(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel.close();
  }
}
