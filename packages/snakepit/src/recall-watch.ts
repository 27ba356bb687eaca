import type { Clock } from "./clock.ts";
import type { Fleet } from "./fleet.ts";

/** A packed worker that shows no progress for so long gives back what it has not begun. */
const RECALL_MS = 5;
/** The same where all calls are of sessions at home: moving costs them what the worker keeps. */
const RECALL_AT_HOME_MS = 50;

/** While calls are packed onto workers, those that make no progress give them back. */
export class RecallWatch {
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  #timer: Disposable | undefined;

  constructor(fleet: Fleet, clock: Clock) {
    this.#fleet = fleet;
    this.#clock = clock;
  }

  /** Looks from now on, until no worker holds more calls than it has slots. */
  start(): void {
    if (this.#timer !== undefined || this.#fleet.ready.length < 2) return;
    this.#timer = this.#clock.startTimer(RECALL_MS, () => {
      this.#timer = undefined;
      this.#look();
    });
  }

  #look(): void {
    const { ready } = this.#fleet;
    const packed = ready.filter(({ load, concurrency }) => load > concurrency);
    if (ready.some(({ load, concurrency }) => load < concurrency))
      for (const worker of packed) {
        worker.recall(worker.hasStrangers ? RECALL_MS : RECALL_AT_HOME_MS);
      }
    if (packed.length > 0) this.start();
  }

  /** For good. */
  stop(): void {
    this.#timer?.[Symbol.dispose]();
  }
}
