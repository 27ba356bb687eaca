/** What a shell sees; docs/inspecting.md has the same table. */
export const exitCodes = {
  done: 0,
  /** It was asked for, and could not be done. */
  failed: 1,
  /** The command line is wrong, or means several things. */
  usage: 2,
  /** There is no such application, worker or session. */
  nothing: 3,
  /** An application has ended meanwhile, or does not answer. */
  gone: 4,
} as const;

/** Ends the command with one sentence on stderr. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(kind: keyof typeof exitCodes, sentence: string) {
    super(sentence);
    this.exitCode = exitCodes[kind];
  }
}
