import type { CallOptions } from "./pool.ts";

export interface CommandTypes {
  /** Not given: it takes none. */
  readonly args?: unknown;
  /** Not given: unknown. */
  readonly reply?: unknown;
  /** Makes it a stream; with a `reply` too, it is both. */
  readonly chunk?: unknown;
}

/** Names the commands of a pool and what they take and give: `{ add: { args: …; reply: … } }`. */
export type CommandMap = { readonly [command: string]: CommandTypes };

/**
 * What a map of commands must satisfy: `Commands extends CommandMapOf<Commands>`. It has the names
 * of `Commands` itself, because an `interface` has no index signature and is no `CommandMap`.
 */
export type CommandMapOf<Commands> = { readonly [Command in keyof Commands]: CommandTypes };

/**
 * Without a map: every command, with any arguments. `any`, so that a pool with a map can be passed
 * to `(pool: Pool) => …`: as a `CommandMap` it would have to know every command there is. Replies
 * stay unknown.
 */
// biome-ignore lint/suspicious/noExplicitAny: nothing else is assignable from every map
export type AnyCommands = any;

/** Those that `execute` calls: all but those that only stream. */
export type CallsOf<Commands> = {
  [Command in keyof Commands as "chunk" extends keyof Commands[Command]
    ? "reply" extends keyof Commands[Command]
      ? Command
      : never
    : Command]: Commands[Command];
};

/** Those that `stream` calls. */
export type StreamsOf<Commands> = {
  [Command in keyof Commands as "chunk" extends keyof Commands[Command]
    ? Command
    : never]: Commands[Command];
};

/** What follows the name in a call. The arguments may be left out where none are required. */
export type CallParameters<Types> = Types extends CommandTypes
  ? ParametersWith<"args" extends keyof Types ? Types["args"] : never>
  : never;

// In brackets, because a bare type is taken apart: a union into its members, never into nothing.
type ParametersWith<Args> = [Args] extends [never]
  ? [args?: NoArgs, options?: CallOptions]
  : undefined extends Args
    ? [args?: Args, options?: CallOptions]
    : NoArgs extends Args
      ? [args?: Args, options?: CallOptions]
      : [args: Args, options?: CallOptions];

type NoArgs = Readonly<Record<string, never>>;

export type ReplyOf<Types> = Types extends { readonly reply: infer Reply } ? Reply : unknown;
export type ChunkOf<Types> = Types extends { readonly chunk: infer Chunk } ? Chunk : unknown;
