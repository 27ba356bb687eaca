import type { Clock } from "./clock.ts";
import type { Fleet } from "./fleet.ts";
import type { Worker } from "./worker.ts";

/** A packed worker that shows no progress for so long gives back what it has not begun. */
const RECALL_MS = 5;
/** The same where all calls are of sessions at home: moving costs them what the worker keeps. */
const RECALL_AT_HOME_MS = 50;

/** While calls are packed onto workers, those that make no progress give them back. */
export class RecallWatch {
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #hasRoom: (worker: Worker) => void;
  #timer: Disposable | undefined;
  #isStopped = false;

  /** `hasRoom` hears of workers that have given calls back and can take some again. */
  constructor(fleet: Fleet, clock: Clock, hasRoom: (worker: Worker) => void) {
    this.#fleet = fleet;
    this.#clock = clock;
    this.#hasRoom = hasRoom;
  }

  /** Looks from now on, until no worker holds more calls than it has slots. */
  start(): void {
    if (this.#fleet.ready.length > 1) this.lookSoon();
  }

  /** Also when calls have come back, for their worker takes others after that. */
  lookSoon(): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    this.#timer = this.#clock.startTimer(RECALL_MS, () => {
      this.#timer = undefined;
      this.#look();
    });
  }

  #look(): void {
    const { ready } = this.#fleet;
    for (const worker of ready) if (worker.takesAgain()) this.#hasRoom(worker);
    const packed = ready.filter(({ load, concurrency }) => load > concurrency);
    if (ready.some(({ load, concurrency }) => load < concurrency))
      for (const worker of packed) {
        worker.recall(worker.hasStrangers ? RECALL_MS : RECALL_AT_HOME_MS);
      }
    if (packed.length > 0) this.lookSoon();
  }

  /** For good. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.[Symbol.dispose]();
  }
}
