/** How much is remembered of one worker: enough for the story of its last minutes. */
const KEPT = 16;

export interface WorkerNote {
  /** Milliseconds since 1970, so that it can be compared with logs. */
  readonly at: number;
  /** "ready", "call failed: …", "suspect": one line. */
  readonly what: string;
}

/** The last things of note that happened to a worker, oldest first. */
export class WorkerHistory {
  #notes: WorkerNote[] = [];

  note(what: string): void {
    this.#notes.push({ at: Date.now(), what });
    if (this.#notes.length > KEPT) this.#notes = this.#notes.slice(-KEPT);
  }

  get notes(): readonly WorkerNote[] {
    return [...this.#notes];
  }
}
