import { SnakepitError } from "../errors.ts";
import type { Pending } from "./pending.ts";

// What the callers of a channel are told when it is the channel, and not the worker, that answers.

export function unsentCancelled({ command }: Pending): SnakepitError<"CANCELLED"> {
  return new SnakepitError("CANCELLED", `${command} was cancelled before it was sent`, {
    outcome: "not-started",
  });
}

export function unsent({ command, owner }: Pending): SnakepitError<"WORKER_EXITED"> {
  const { workerId } = owner;
  return new SnakepitError(
    "WORKER_EXITED",
    `the connection to worker ${workerId} ended before ${command} was sent to it; no work was done, so send it again`,
    { outcome: "not-started", details: { workerId, stderr: "" } },
  );
}

export function lost({ command, owner }: Pending): SnakepitError<"WORKER_EXITED"> {
  const { workerId } = owner;
  return new SnakepitError(
    "WORKER_EXITED",
    `the connection to worker ${workerId} was lost while it ran ${command}; whether the work was done is unknown`,
    { outcome: "unknown", details: { workerId, stderr: "", mayReturn: true } },
  );
}

export function held({ command, owner }: Pending): SnakepitError<"WORKER_BUSY"> {
  return new SnakepitError(
    "WORKER_BUSY",
    `worker ${owner.workerId} is busy and was not sent ${command}; no work was done, so send it again`,
    { outcome: "not-started" },
  );
}

/** The bytes of a call's arguments went away before they were sent. */
export function torn({ command }: Pending): SnakepitError<"INVALID_ARGUMENT"> {
  return new SnakepitError(
    "INVALID_ARGUMENT",
    `a buffer in the arguments of ${command} was transferred or resized before it was sent; leave it alone until the call is answered`,
    { outcome: "not-started" },
  );
}
