import type {
  AnyCommands,
  CallOptions,
  CallParameters,
  CallsOf,
  ChunkOf,
  CommandMap,
  CommandMapOf,
  ReplyOf,
  Session,
  StreamsOf,
} from "snakepit";

/**
 * With a map of commands: what each of them takes and gives. Without: any command, and what the
 * caller asserts that it gives, as in `bridge.execute<string[]>("text.words", { text })`. Nothing
 * checks such an assertion; without one it is `unknown`.
 */
export type Execute<Commands extends CommandMapOf<Commands>> = CommandMap extends Commands
  ? AnyExecute
  : ExecuteOf<Commands>;

/** As `Execute`: `bridge.stream<string>("text.stream", { text })`. */
export type Stream<Commands extends CommandMapOf<Commands>> = CommandMap extends Commands
  ? AnyStream
  : StreamOf<Commands>;

type AnyExecute = <Reply = unknown>(
  command: string,
  args?: unknown,
  options?: CallOptions,
) => Promise<Reply>;

type AnyStream = <Chunk = unknown>(
  command: string,
  args?: unknown,
  options?: CallOptions,
) => AsyncIterableIterator<Chunk, undefined>;

// `out` compares the maps themselves. `Pool<Commands>["execute"]` is a method: those of any two maps
// would fit each other, and so would sessions.
type ExecuteOf<out Commands extends CommandMapOf<Commands>> = <
  Command extends keyof CallsOf<Commands> & string,
>(
  command: Command,
  ...parameters: CallParameters<Commands[Command]>
) => Promise<ReplyOf<Commands[Command]>>;

type StreamOf<out Commands extends CommandMapOf<Commands>> = <
  Command extends keyof StreamsOf<Commands> & string,
>(
  command: Command,
  ...parameters: CallParameters<Commands[Command]>
) => AsyncIterableIterator<ChunkOf<Commands[Command]>, undefined>;

/** A session of a pool, whose calls are typed as those of the bridge. */
export interface BridgeSession<Commands extends CommandMapOf<Commands> = AnyCommands>
  extends Omit<Session<Commands>, "execute" | "stream"> {
  readonly execute: Execute<Commands>;
  readonly stream: Stream<Commands>;
}
