import type { CallOptions, CommandMap, Pool, Session } from "snakepit";

/**
 * With a map of commands: what each of them takes and gives. Without: any command, and what the
 * caller asserts that it gives, as in `bridge.execute<string[]>("text.words", { text })`. Nothing
 * checks such an assertion; without one it is `unknown`.
 */
export type Execute<Commands extends CommandMap> = CommandMap extends Commands
  ? AnyExecute
  : Pool<Commands>["execute"];

/** As `Execute`: `bridge.stream<string>("text.stream", { text })`. */
export type Stream<Commands extends CommandMap> = CommandMap extends Commands
  ? AnyStream
  : Pool<Commands>["stream"];

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

/** A session of a pool, whose calls are typed as those of the bridge. */
export interface BridgeSession<Commands extends CommandMap = CommandMap>
  extends Omit<Session<Commands>, "execute" | "stream"> {
  readonly execute: Execute<Commands>;
  readonly stream: Stream<Commands>;
}
