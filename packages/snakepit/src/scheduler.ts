/**
 * How many calls of a command that is known to be short one worker may hold, whatever its slots: a
 * batch of the wire. Spread over workers they would travel in small batches, which cost ten times
 * as much per call.
 */
export const PACKED_CALLS = 256;
/** Up to here the first worker is filled before the next one gets any: about 250 µs of waiting. */
const FILL_FIRST_CALLS = 128;

/** What the policy knows of a worker that takes calls. */
export interface WorkerView {
  /** Calls that it holds, abandoned ones included. */
  readonly load: number;
  /** Slots that it announced. */
  readonly concurrency: number;
  /** Calls of this command that it may hold: its slots, or `PACKED_CALLS`. */
  room(command: string): number;
}

/**
 * The worker with the least to do, or none when there is no room for this command; the first among
 * equals, so that single calls stay where the caches are warm. Short commands fill one worker after
 * the other. Costs one look per worker, whatever the queue holds.
 */
export function chooseWorker<W extends WorkerView>(
  ready: readonly W[],
  command: string,
): W | undefined {
  let best: W | undefined;
  for (const worker of ready) {
    const { load } = worker;
    if (load === 0) return worker;
    const room = worker.room(command);
    if (load >= room) continue;
    if (room >= PACKED_CALLS && load < FILL_FIRST_CALLS) return worker;
    if (best === undefined || load < best.load) best = worker;
  }
  return best;
}

export interface StartView {
  /** Calls that wait for a slot. */
  readonly queued: number;
  readonly starting: number;
  /** Ready workers, without those that are on their way out. */
  readonly ready: number;
  /** Slots per worker, as the last one announced it. */
  readonly concurrency: number;
  readonly minWorkers: number;
  readonly maxWorkers: number;
  /** Starts side by side: they are bound by the cores. */
  readonly maxStarting: number;
}

/** How many workers to start now: up to the minimum, and beyond it what the queue can fill. */
export function startsWanted(view: StartView): number {
  const coming = view.ready + view.starting;
  const uncovered = Math.max(0, view.queued - view.starting * view.concurrency);
  const wanted = Math.max(view.minWorkers, coming + Math.ceil(uncovered / view.concurrency));
  const missing = Math.min(wanted, view.maxWorkers) - coming;
  return Math.max(0, Math.min(missing, view.maxStarting - view.starting));
}
