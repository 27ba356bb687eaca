import type { Call } from "./call.ts";
import { Preparation, type Rehydrate, workerInPreparation } from "./rehydration.ts";
import type { PoolSession } from "./session.ts";
import type { CallWatch } from "./statistics/call-watch.ts";
import type { Worker } from "./worker.ts";

/** What it means for a session that a call of it comes to a worker. */
export class SessionVisits {
  readonly #watch: CallWatch;
  readonly #rehydrate: Rehydrate | undefined;

  constructor(watch: CallWatch, rehydrate: Rehydrate | undefined) {
    this.#watch = watch;
    this.#rehydrate = rehydrate;
  }

  /** Before the call is sent. */
  begin(call: Call, session: PoolSession, worker: Worker, nowMs: number): void {
    session.used(nowMs);
    if (session.home !== undefined && call.affinity !== "none") {
      if (session.home === worker) this.#watch.affinityHits++;
      else this.#watch.affinityMisses++;
    }
    if (call.affinity === "none") session.visited(worker);
    else session.servedAt(worker, call.affinity === "require");
    if (this.#rehydrate !== undefined) prepare(call, session, worker, this.#rehydrate);
  }
}

/** A worker that is new to the session must know it first. */
function prepare(call: Call, session: PoolSession, worker: Worker, rehydrate: Rehydrate): void {
  if (session.arrivalAt(worker) === undefined || workerInPreparation(call) !== undefined) return;
  const { id, process } = worker;
  call.preparation = new Preparation(call, session, worker, (reason) =>
    rehydrate({ session, reason, worker: { id, pid: process?.pid }, signal: call.signal }),
  );
}
