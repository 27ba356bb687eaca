import type { Call } from "./call.ts";
import { SnakepitError } from "./errors.ts";
import type { Arrival, PoolSession, Session } from "./session.ts";
import type { Worker } from "./worker.ts";

/** A session has come to a worker that knows nothing of it. */
export interface SessionMove {
  readonly session: Session;
  /** `resumed`: the session is older than this pool, or was made by another one. */
  readonly reason: Arrival;
  readonly worker: { readonly id: string; readonly pid: number | undefined };
}

/**
 * Sends the worker what it needs to serve the session, by calls in the session: they go to that
 * worker, before all others. When it throws, the call that was to come next fails with that and was
 * not started; the one after it tries again.
 */
export type Rehydrate = (move: SessionMove) => void | Promise<void>;

/**
 * What `call` has to wait for once it has its slot on `worker`; undefined when that is nothing.
 * `rehydrate` runs on behalf of the call, so that what it calls may use the slot.
 */
export function preparation(
  call: Call,
  worker: Worker,
  rehydrate: (reason: Arrival, session: PoolSession) => void | Promise<void>,
): (() => Promise<void>) | undefined {
  const { session } = call;
  // What is called while a worker is made ready does not wait for that.
  if (session === undefined || call.depth > 0) return undefined;
  if (session.arrivalAt(worker) === undefined) return undefined;
  return async () => {
    for (;;) {
      const reason = session.arrivalAt(worker);
      if (reason === undefined) return;
      const byOther = session.preparing.get(worker);
      // A failure of theirs may be their caller's doing: then it is this call's turn to try.
      if (byOther !== undefined) await byOther;
      else await prepare(call, session, worker, () => rehydrate(reason, session));
    }
  };
}

async function prepare(
  call: Call,
  session: PoolSession,
  worker: Worker,
  work: () => void | Promise<void>,
): Promise<void> {
  // Not at once: the slot that is parked then takes the next call, which must find this one here.
  const done = Promise.resolve().then(() => call.callHost(work));
  session.preparing.set(
    worker,
    done.then(
      () => true,
      () => false,
    ),
  );
  try {
    await done;
    session.readyAt(worker);
  } catch (error) {
    throw notPrepared(session.id, worker.id, error);
  } finally {
    session.preparing.delete(worker);
  }
}

/** The application's own errors stay as they are; of ours, none may say that the call was begun. */
function notPrepared(sessionId: string, workerId: string, error: unknown): unknown {
  if (!SnakepitError.is(error)) return error;
  const { code, details, message } = error as SnakepitError<string>;
  const text = message.replace(/^\[\w+\] /, "");
  return new SnakepitError<string>(
    code,
    `session ${sessionId} could not be made ready on worker ${workerId}: ${text}`,
    { cause: error, outcome: "not-started", details },
  );
}
