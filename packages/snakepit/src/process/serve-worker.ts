import {
  callback,
  checkIntegers,
  checkKinds,
  checkKnownKeys,
  objectMap,
  show,
} from "../check-options.ts";
import { SnakepitError } from "../errors.ts";
import type { Handler } from "./handler.ts";
import {
  checkProtocol,
  framingFor,
  type PacketCodec,
  type Protocol,
  protocolKinds,
} from "./protocols.ts";
import { ownStdout, WorkerServer } from "./worker-server.ts";

export interface ServeOptions {
  /** Calls at once that this worker is willing to have. Default: 1. */
  readonly concurrency?: number;
  /** A session is over: whatever is kept for it may go. */
  readonly onSessionEnd?: (sessionId: string) => unknown;
}

export interface ServeWorkerOptions extends ServeOptions {
  /** As in the options of the host's adapter. Default: "json-lines". */
  readonly protocol?: Protocol;
  /** As in the options of the host's adapter. */
  readonly codec?: PacketCodec;
}

/** `serveWorker` for hosts that speak JSON lines. */
export function serveJsonLines(
  handlers: Readonly<Record<string, Handler>>,
  options: ServeOptions = {},
): void {
  serve("serveJsonLines", handlers, options, []);
}

/**
 * Makes this process a worker: it answers calls on stdin until its host hangs up, or until SIGTERM
 * or SIGINT, then it ends with code 0. stdout belongs to the protocol from now on; `console.log`
 * writes to stderr instead.
 *
 * A handler called as a stream gives its result as the only chunk; a generator called without one
 * answers with the list of what it yielded.
 * @throws SnakepitError INVALID_OPTIONS
 */
export function serveWorker(
  handlers: Readonly<Record<string, Handler>>,
  options: ServeWorkerOptions = {},
): void {
  serve("serveWorker", handlers, options, Object.keys(protocolKinds));
}

function serve(
  name: string,
  handlers: Readonly<Record<string, Handler>>,
  options: ServeWorkerOptions,
  protocolKeys: readonly string[],
): void {
  const { concurrency = 1, protocol = "json-lines", codec, onSessionEnd } = options ?? {};
  const framingOptions = { protocol, ...(codec === undefined ? {} : { codec }) };
  const problems = [
    ...checkHandlers(handlers),
    ...checkKnownKeys(name, options, ["concurrency", "onSessionEnd", ...protocolKeys]),
    ...checkIntegers({ concurrency }, { concurrency: 1 }),
    ...checkKinds(options, { ...protocolKinds, onSessionEnd: callback }),
    ...checkProtocol(framingOptions),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  const stdout = ownStdout(); // before anything else can print
  framingFor(framingOptions).then(
    (framing) => {
      const commands = new Map(Object.entries(handlers));
      new WorkerServer(commands, { framing, stdout, concurrency, onSessionEnd }).start();
    },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}

function checkHandlers(handlers: unknown): string[] {
  if (!objectMap.is(handlers)) {
    return [`the handlers must be an object of functions, not ${show(handlers)}`];
  }
  const names = Object.keys(handlers as object);
  return checkKinds(
    handlers as object,
    Object.fromEntries(names.map((name) => [name, callback])),
    names,
  );
}
