import type { Call } from "./call.ts";
import type { Clock } from "./clock.ts";
import type { SnakepitError } from "./errors.ts";
import type { PoolEvent } from "./events.ts";
import type { Fleet } from "./fleet.ts";
import type { LinkedList } from "./linked-list.ts";
import { queueFullError } from "./pool-errors.ts";
import type { WaitingCalls } from "./waiting-calls.ts";

/** What `QueueRoom` looks at. */
export interface Queue {
  readonly maxQueue: number;
  readonly waiting: WaitingCalls;
  readonly fleet: Fleet;
  readonly clock: Clock;
  emit(event: PoolEvent): void;
}

/** How many calls may wait, and what is said when they are too many. */
export class QueueRoom {
  readonly #queue: Queue;
  /** Calls are being refused; told once, until a call finds room again. */
  #isSaturated = false;

  constructor(queue: Queue) {
    this.#queue = queue;
  }

  /** Whether the call that has come last may wait. */
  admits(): boolean {
    const { maxQueue, waiting, fleet } = this.#queue;
    // Calls that a worker on its way will take are not waiting for a busy one.
    if (waiting.size > maxQueue + fleet.slotsComing) return false;
    this.#isSaturated = false;
    return true;
  }

  /** What a call is refused with that is not admitted, and has left. */
  refusal(): SnakepitError<"QUEUE_FULL"> {
    const error = this.#full();
    const { queued, retryAfterMs } = error.details;
    const isNews = !this.#isSaturated;
    this.#isSaturated = true;
    const { maxQueue } = this.#queue;
    if (isNews) this.#queue.emit({ name: "pool-saturated", queued, maxQueue, retryAfterMs });
    return error;
  }

  /** Calls that wait for a store are bounded as those that wait for a worker. */
  tooManyOpening(opening: LinkedList<Call>): SnakepitError<"QUEUE_FULL"> | undefined {
    const { maxQueue, fleet } = this.#queue;
    const slots = fleet.ready.reduce((sum, { concurrency }) => sum + concurrency, 0);
    const isFull = opening.size >= maxQueue + slots + fleet.slotsComing;
    return isFull && opening.size > 0 ? this.#full() : undefined;
  }

  #full(): SnakepitError<"QUEUE_FULL"> {
    const { maxQueue, waiting, fleet, clock } = this.#queue;
    const nowMs = clock.now();
    return queueFullError({
      queued: waiting.size,
      maxQueue,
      workers: fleet.ready.length,
      oldestWaitedMs: nowMs - (waiting.oldest?.createdMs ?? nowMs),
    });
  }
}
