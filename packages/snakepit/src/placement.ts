import type { Call } from "./call.ts";
import type { SnakepitError } from "./errors.ts";
import type { Fleet } from "./fleet.ts";
import { sessionLostError, workerLeftError } from "./pool-errors.ts";
import { workerInPreparation } from "./rehydration.ts";
import { chooseForNested, choosePlacement, chooseWorker } from "./scheduler.ts";
import type { WaitingCalls } from "./waiting-calls.ts";
import type { Worker } from "./worker.ts";

/** The worker that takes it now. */
export function placeCall(call: Call, fleet: Fleet, waiting: WaitingCalls): Worker | undefined {
  const { session, command } = call;
  const { ready } = fleet;
  const home = call.affinity === "none" ? undefined : session?.home;
  if (call.depth > 0) return placeNested(call, fleet, home);
  if (home?.phase === "ready" && home.load < home.room(command)) return home;
  if (home !== undefined && call.affinity === "require") return undefined;
  if (!waiting.isCommonEmpty) return undefined; // they came first
  if (home !== undefined || session === undefined || call.affinity === "none")
    return chooseWorker(ready, command);
  return choosePlacement(ready, command);
}

function placeNested(call: Call, fleet: Fleet, home: Worker | undefined): Worker | undefined {
  const { ready } = fleet;
  const prepared = workerInPreparation(call);
  if (prepared !== undefined)
    return chooseForNested(ready.includes(prepared) ? [prepared] : [], call.command, prepared);
  if (home !== undefined && call.affinity === "require")
    return chooseForNested(ready.includes(home) ? [home] : [], call.command, undefined);
  const ancestor = fleet.worker(call.parent?.workerId);
  const nearby = home ?? ancestor;
  return chooseForNested(
    ready,
    call.command,
    nearby !== undefined && ready.includes(nearby) ? nearby : undefined,
  );
}

/** The only worker that may have it, if there is one. */
export function onlyWorkerFor(call: Call): Worker | undefined {
  const prepared = call.depth > 0 ? workerInPreparation(call) : undefined;
  return prepared ?? (call.affinity === "require" ? call.session?.home : undefined);
}

/** Why no worker will ever take it, if so. */
export function noPlaceFor(call: Call): SnakepitError<string> | undefined {
  return lostSession(call) ?? leftWorker(call);
}

/** What its session kept on a worker is gone with it. */
export function lostSession(call: Call): SnakepitError<"SESSION_LOST"> | undefined {
  const { session, affinity } = call;
  if (affinity !== "require" || session?.lostWorkerId === undefined) return undefined;
  return sessionLostError(session.id, session.lostWorkerId);
}

/** The worker that it helps to make ready takes nothing any more. */
function leftWorker(call: Call): SnakepitError<"WORKER_EXITED"> | undefined {
  const worker = call.depth > 0 ? workerInPreparation(call) : undefined;
  const isLeft = worker?.phase === "draining" || worker?.phase === "stopped";
  return isLeft ? workerLeftError(call, worker.id) : undefined;
}
