import { callback, checkIntegers, checkKinds, checkKnownKeys } from "../check-options.ts";
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
  const { concurrency = 1, protocol = "json-lines", onSessionEnd, codec } = options;
  const names = Object.keys(handlers);
  const problems = [
    ...checkKnownKeys(name, options, ["concurrency", "onSessionEnd", ...protocolKeys]),
    ...checkIntegers({ concurrency }, { concurrency: 1 }),
    ...checkKinds(options, { ...protocolKinds, onSessionEnd: callback }),
    ...checkProtocol({ protocol, ...(codec === undefined ? {} : { codec }) }),
    ...checkKinds(handlers, Object.fromEntries(names.map((each) => [each, callback])), names),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
  const stdout = ownStdout(); // before anything else can print
  framingFor({ protocol, ...(codec === undefined ? {} : { codec }) }).then(
    (framing) => {
      const server = new WorkerServer(new Map(Object.entries(handlers)), {
        framing,
        stdout,
        concurrency,
        onSessionEnd,
      });
      server.start();
    },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}
