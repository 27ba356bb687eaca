/** What the policy knows of a worker that takes calls. */
export interface WorkerView {
  /** Slots in use, abandoned calls included. */
  readonly load: number;
  /** Slots that the worker announced. */
  readonly concurrency: number;
}

/**
 * The worker with the most room, or none when every slot is taken; the first among equals, so that
 * single calls stay where the caches are warm. Costs one look per worker, whatever the queue holds.
 */
export function chooseWorker<W extends WorkerView>(ready: readonly W[]): W | undefined {
  let best: W | undefined;
  for (const worker of ready) {
    if (worker.load >= worker.concurrency) continue;
    if (worker.load === 0) return worker;
    if (best === undefined || worker.load < best.load) best = worker;
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
