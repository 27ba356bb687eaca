import { basename } from "node:path";
import type { Adapter, CommandSpec } from "../adapter.ts";
import {
  callback,
  checkIntegers,
  checkKinds,
  checkKnownKeys,
  text,
  textMap,
  texts,
  withDefaults,
} from "../check-options.ts";
import { SnakepitError } from "../errors.ts";
import { logLevelOf } from "../log-level.ts";
import type { WorkerLog } from "../worker-logs.ts";
import { checkCommands } from "./command-table.ts";
import { connectWorker } from "./connection.ts";
import type { Framing } from "./framing.ts";
import { checkProtocol, framingFor, type ProtocolOptions, protocolKinds } from "./protocols.ts";

/** What a program in any language may be given, and how the pool uses it. */
export interface WorkerOptions {
  /** Default: none. */
  readonly args?: readonly string[];
  /** Variables of the worker's environment, besides the usual ones. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the host's. */
  readonly cwd?: string;
  /** How long a worker may take until it says `ready`; Infinity for ever. Default: 10,000. */
  readonly startTimeoutMs?: number;
  /** Calls at once in one worker, as far as it allows. Default: what it says, or 1. */
  readonly concurrency?: number;
  /** Checks, transformations and deadlines of single commands, run in the host. */
  readonly commands?: Readonly<Record<string, CommandSpec>>;
  /** Hears the worker's log lines, and of lines on its stdout that are no messages. */
  readonly onLog?: (log: WorkerLog) => void;
}

export interface ProcessAdapterOptions extends WorkerOptions, ProtocolOptions {
  /** A path, or a name that is looked for on the PATH. */
  readonly program: string;
}

const workerKinds = {
  args: texts,
  env: textMap,
  cwd: text,
  onLog: callback,
};
/** The names of `WorkerOptions`, for adapters that build upon this one. */
export const workerOptionKeys = [
  ...Object.keys(workerKinds),
  "commands",
  "startTimeoutMs",
  "concurrency",
];

/**
 * Workers that are programs in any language, spoken to on their stdin and stdout; README.md beside
 * this file has what is said.
 * @throws SnakepitError INVALID_OPTIONS, with every problem at once
 */
export function processAdapter(options: ProcessAdapterOptions): Adapter {
  const problems = checkKnownKeys("processAdapter", options, [
    "program",
    ...Object.keys(protocolKinds),
    ...workerOptionKeys,
  ]);
  const input: Partial<ProcessAdapterOptions> = options ?? {};
  const { startTimeoutMs } = withDefaults({ startTimeoutMs: 10_000 }, input);
  problems.push(
    ...checkKinds(input, { program: text, ...protocolKinds }, ["program", "protocol"]),
    ...checkProtocol(input),
    ...checkKinds(input, workerKinds),
    ...checkCommands(input.commands),
    ...checkIntegers({ startTimeoutMs }, { startTimeoutMs: 1 }),
    ...(input.concurrency === undefined ? [] : checkIntegers(input, { concurrency: 1 })),
  );
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  const { program, args = [], env = {}, cwd, concurrency, commands, onLog } = options;
  let framing: Promise<Framing> | undefined;
  const loadFraming = () => {
    framing ??= framingFor(options);
    return framing;
  };
  return {
    name: basename(program),
    spec: () => ({
      program,
      args,
      env,
      ...(cwd === undefined ? {} : { cwd }),
      channel: "stdio",
    }),
    // A package that is missing is reported before any process starts.
    open: async () => void (await loadFraming()),
    connect: async (process, { signal, log, telemetry }) =>
      connectWorker(process, {
        framing: await loadFraming(),
        signal,
        startTimeoutMs,
        concurrency,
        onLog: (entry) => {
          log(logLevelOf(entry.level), entry.message);
          onLog?.(entry); // last, because it may throw
        },
        onTelemetry: telemetry,
      }),
    ...(commands === undefined ? {} : { commands }),
  };
}
