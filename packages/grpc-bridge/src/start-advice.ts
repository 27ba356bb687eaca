import { SnakepitError } from "snakepit";
import { damagedAdvice } from "./environment/index.ts";

/** The last line of a worker side that could not import what it was told to. */
const preloadFailure = /^snakepit_bridge: the preload failed: (.+)$/m;

/** The last line of a worker that has no gRPC to dial in with: `transports/__init__.py`. */
const grpcMissing = /^snakepit_bridge: (the gRPC transport needs .+)$/m;

/**
 * A failed start with what to do about it in front, where the worker's own words tell. They stay in
 * `details.stderr`, and the error as it was in `cause`.
 */
export function withAdvice(error: unknown, executable: string | undefined): unknown {
  if (!SnakepitError.is(error, "WORKER_START_FAILED") || executable === undefined) return error;
  const { stderr } = error.details;
  const damaged = damagedAdvice(executable, stderr);
  const message = damaged ?? preloadAdvice(stderr) ?? grpcMissing.exec(stderr)?.[1];
  if (message === undefined) return error;
  return new SnakepitError("WORKER_START_FAILED", message, {
    cause: error,
    outcome: error.outcome,
    details: error.details,
  });
}

function preloadAdvice(stderr: string): string | undefined {
  const failure = preloadFailure.exec(stderr)?.[1];
  if (failure === undefined) return undefined;
  const missing = failure.startsWith("ModuleNotFoundError");
  const fix = missing
    ? "; install it in the workers' environment, or name the folder of a module of your own in python.path"
    : "; the traceback is in details.stderr";
  return `a module of python.preload could not be imported: ${failure}${fix}`;
}
