import { SnakepitError } from "snakepit-grpc-bridge";
import type { StartBridge } from "./bridge-slot.ts";

/** As the bridge advises it, for DSPy and whatever else. */
const bridgeCommand = "npx snakepit-bridge setup --extra dspy";
/** The same, for whoever has installed only this package. */
const ownCommand = "npx dspex setup";

/** Starts a bridge as `start` does; what it advises names the command of this package. */
export function withOwnAdvice(start: StartBridge): StartBridge {
  return (options) =>
    start(options).catch((error: unknown) => {
      throw inOwnWords(error);
    });
}

function inOwnWords(error: unknown): unknown {
  if (!SnakepitError.is(error, "WORKER_START_FAILED")) return error;
  if (!error.message.includes(bridgeCommand)) return error;
  const text = error.message.replace(/^\[\w+\] /, "").replaceAll(bridgeCommand, ownCommand);
  const { outcome, details } = error;
  return new SnakepitError("WORKER_START_FAILED", text, { cause: error, outcome, details });
}
