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
  /** Of the calls that it holds, those that wait for something of the host's. */
  readonly parked: number;
  /** Sessions that are at home there. */
  readonly sessionCount: number;
  /** It will go soon: nobody should settle there. Absent: no. */
  readonly retiring?: unknown;
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

/**
 * The worker for a call that another call's host work has made. Where a stranger finds no room it
 * may still have the slot of a call that is parked, so that calls never wait in a circle: whoever
 * holds a slot and is not parked is at work. `nearby`, where the session or the ancestor is at home,
 * comes first.
 */
export function chooseForNested<W extends WorkerView>(
  ready: readonly W[],
  command: string,
  nearby: W | undefined,
): W | undefined {
  if (nearby !== undefined && hasRoomForNested(nearby)) return nearby;
  return chooseWorker(ready, command) ?? ready.find(hasRoomForNested);
}

export function hasRoomForNested({ load, parked, concurrency }: WorkerView): boolean {
  return load - parked < concurrency;
}

/** The home of a new session: the worker with the fewest, and of those the one with least to do. */
export function choosePlacement<W extends WorkerView>(
  ready: readonly W[],
  command: string,
): W | undefined {
  let best: W | undefined;
  for (const worker of ready) {
    if (worker.load >= worker.room(command)) continue;
    if (best !== undefined && worker.retiring !== undefined) continue;
    if (best?.retiring !== undefined && worker.retiring === undefined) best = undefined;
    const difference = best === undefined ? -1 : worker.sessionCount - best.sessionCount;
    if (difference < 0 || (difference === 0 && worker.load < (best?.load ?? 0))) best = worker;
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

export interface SurplusView extends WorkerView {
  /** Sessions keep something there that cannot be moved. */
  readonly pinned: boolean;
  /** On the pool's clock; undefined while it holds calls. */
  readonly idleSinceMs: number | undefined;
}

/** Workers that have been idle since before `idleSinceMs` and are not needed for the minimum. */
export function idleSurplus<W extends SurplusView>(
  ready: readonly W[],
  minWorkers: number,
  idleSinceMs: number,
): W[] {
  const idle = ready.filter(
    (one) => !one.pinned && one.idleSinceMs !== undefined && one.idleSinceMs <= idleSinceMs,
  );
  // The youngest first: calls prefer the oldest, whose caches are warm.
  return idle.slice(Math.max(0, idle.length - Math.max(0, ready.length - minWorkers))).reverse();
}

/** Which workers a smaller pool can do without: those with least to do, never a pinned one. */
export function surplus<W extends SurplusView>(ready: readonly W[], maxWorkers: number): W[] {
  const movable = ready.filter((one) => !one.pinned);
  const byLoad = [...movable].sort((a, b) => a.load - b.load || a.sessionCount - b.sessionCount);
  return byLoad.slice(0, Math.max(0, ready.length - maxWorkers));
}

/** How many workers to start now: up to the minimum, and beyond it what the queue can fill. */
export function startsWanted(view: StartView): number {
  const coming = view.ready + view.starting;
  const uncovered = Math.max(0, view.queued - view.starting * view.concurrency);
  const wanted = Math.max(view.minWorkers, coming + Math.ceil(uncovered / view.concurrency));
  const missing = Math.min(wanted, view.maxWorkers) - coming;
  return Math.max(0, Math.min(missing, view.maxStarting - view.starting));
}
