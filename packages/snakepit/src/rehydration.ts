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
  /** Fires when nobody waits any more for what is being made ready. */
  readonly signal: AbortSignal;
}

/**
 * Sends the worker what it needs to serve the session, by calls in the session: they go to that
 * worker, before all others. When it throws, the call that was to come next fails with that and was
 * not started; the one after it tries again.
 */
export type Rehydrate = (move: SessionMove) => void | Promise<void>;

/** What a worker is being made ready by, as the calls see it that wait for the same. */
export interface Preparing {
  /** Resolves when it is over, well or badly. */
  readonly over: Promise<void>;
}

const ignore = () => {};

/** What a call waits for on its worker, before it is sent. */
export class Preparation {
  readonly worker: Worker;
  readonly #call: Call;
  readonly #session: PoolSession;
  readonly #rehydrate: (reason: Arrival) => void | Promise<void>;
  #giveUp = ignore;

  constructor(
    call: Call,
    session: PoolSession,
    worker: Worker,
    rehydrate: (reason: Arrival) => void | Promise<void>,
  ) {
    this.#call = call;
    this.#session = session;
    this.worker = worker;
    this.#rehydrate = rehydrate;
  }

  /** Resolves when the worker is ready, or nobody waits for the call any more. */
  async done(): Promise<void> {
    while (!this.#call.settled) {
      const reason = this.#session.arrivalAt(this.worker);
      if (reason === undefined) return;
      const byOther = this.#session.preparing.get(this.worker);
      if (byOther === undefined) return this.#prepare(reason);
      // A failure of theirs may be their caller's doing: then it is this call's turn to try.
      await byOther.over;
    }
  }

  /** The call has ended: others need not wait for what it has begun. */
  giveUp(): void {
    this.#giveUp();
  }

  async #prepare(reason: Arrival): Promise<void> {
    const { worker } = this;
    const { preparing } = this.#session;
    const givenUp = new Promise<void>((resolve) => {
      this.#giveUp = resolve;
    });
    // Not at once: the slot that is parked then takes the next call, which must find this one here.
    const work = Promise.resolve().then(() => this.#call.callHost(() => this.#rehydrate(reason)));
    const own: Preparing = { over: Promise.race([givenUp, work.then(ignore, ignore)]) };
    preparing.set(worker, own);
    try {
      await Promise.race([givenUp, work]);
      if (!this.#call.settled) this.#session.readyAt(worker);
    } catch (error) {
      throw notPrepared(this.#session.id, worker.id, error);
    } finally {
      if (preparing.get(worker) === own) preparing.delete(worker);
    }
  }
}

/**
 * Where a call must go that is made while a worker is made ready for its session: nowhere else
 * would it be of use. undefined for all others.
 */
export function workerInPreparation(call: Call): Worker | undefined {
  for (let above = call.parent; above !== undefined; above = above.parent)
    if (above.preparation !== undefined && above.session === call.session)
      return above.preparation.worker;
  return undefined;
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
