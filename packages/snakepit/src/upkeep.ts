import type { Circuit } from "./circuit.ts";
import { SnakepitError } from "./errors.ts";
import type { StopReason } from "./events.ts";
import type { Fleet } from "./fleet.ts";
import type { ResolvedPoolOptions } from "./options.ts";
import type { Replacements } from "./replacements.ts";
import { idleSurplus, surplus } from "./scheduler.ts";
import type { SessionBook } from "./session-book.ts";
import type { Worker } from "./worker.ts";

/** The bounds of a tick: memory is measured once a second, and a test may want all of it sooner. */
const LONGEST_TICK_MS = 1_000;
const SHORTEST_TICK_MS = 10;
/** Of the memory that a worker may have: above it, it is replaced before it is killed. */
const SOFT_SHARE = 0.8;
/**
 * A worker above its share is read again, and the lowest counts: between vfork and exec it shares
 * one memory with its child, and both report all of it.
 */
const EXACT_READINGS = 3;
/** Workers of the same age must not all go at the same time. */
const AGE_JITTER = 0.1;

export interface UpkeepParts {
  readonly fleet: Fleet;
  readonly replacements: Replacements;
  readonly sessions: SessionBook;
  readonly circuit: Circuit | undefined;
}

/**
 * What a pool does from time to time: listens whether its workers live, measures them, replaces
 * those that have served long enough, and ends what is not needed. Not on the path of any call.
 */
export class Upkeep {
  readonly #options: ResolvedPoolOptions;
  readonly #fleet: Fleet;
  readonly #replacements: Replacements;
  readonly #sessions: SessionBook;
  readonly #circuit: Circuit | undefined;
  readonly #measuring = new WeakSet<Worker>();
  readonly #ageLimits = new WeakMap<Worker, number>();
  #tickMs: number;
  #interval: Disposable | undefined;
  #lastTickMs = 0;
  #measuredMs = Number.NEGATIVE_INFINITY;

  constructor(options: ResolvedPoolOptions, parts: UpkeepParts) {
    this.#options = options;
    this.#fleet = parts.fleet;
    this.#replacements = parts.replacements;
    this.#sessions = parts.sessions;
    this.#circuit = parts.circuit;
    this.#fleet.onWorn = () => this.tidy();
    const shortest = Math.min(options.heartbeatMs, options.idleTimeoutMs, options.maxAgeMs) / 4;
    this.#tickMs = Math.max(SHORTEST_TICK_MS, Math.min(LONGEST_TICK_MS, shortest));
  }

  start(): void {
    const { clock } = this.#options;
    this.#lastTickMs = clock.now();
    this.#interval = clock.startInterval(this.#tickMs, () => this.#tick());
  }

  /** As often as that, unless it is more often already. */
  tickEvery(ms: number): void {
    const tickMs = Math.max(SHORTEST_TICK_MS, ms);
    if (tickMs >= this.#tickMs) return;
    this.#tickMs = tickMs;
    if (this.#interval === undefined) return;
    this.#interval[Symbol.dispose]();
    this.start();
  }

  stop(): void {
    this.#interval?.[Symbol.dispose]();
    this.#interval = undefined;
  }

  /** At once, after sizes have changed or a session has let go of its worker. */
  tidy(): void {
    if (this.#fleet.isClosing) return;
    this.#endIdle();
    this.#shrink();
    this.#recycle();
  }

  #tick(): void {
    const nowMs = this.#options.clock.now();
    // A host that was halted or blocked has not listened for longer than a tick or two.
    const ranMs = Math.min(nowMs - this.#lastTickMs, 2 * this.#tickMs);
    this.#lastTickMs = nowMs;
    this.#circuit?.tick(nowMs);
    this.#sessions.expire(nowMs);
    this.tidy();
    if (nowMs - this.#measuredMs >= LONGEST_TICK_MS) {
      this.#measuredMs = nowMs;
      for (const worker of this.#fleet.all()) void this.#measure(worker);
    }
    if (this.#options.heartbeatMs === Number.POSITIVE_INFINITY) return;
    // After the loop has read what was waiting: an answer that is here already is no silence.
    setImmediate(() => {
      for (const worker of [...this.#fleet.all()]) worker.checkVitals(ranMs);
    });
  }

  #endIdle(): void {
    const nowMs = this.#options.clock.now();
    const sinceMs = nowMs - this.#options.idleTimeoutMs;
    for (const worker of this.#fleet.ready) worker.watchIdle(nowMs);
    for (const worker of idleSurplus(this.#fleet.ready, this.#fleet.minWorkers, sinceMs))
      worker.drain("idle");
  }

  #shrink(): void {
    for (const worker of surplus(this.#fleet.ready, this.#fleet.maxWorkers))
      if (!this.#replacements.isBusy) worker.drain("resize");
  }

  #recycle(): void {
    for (const worker of this.#fleet.ready) {
      const reason = this.#whyRecycle(worker);
      if (reason !== undefined && !this.#isHeld(worker)) this.#replacements.retire(worker, reason);
    }
  }

  /** A session holds on to it, and not for too long yet. */
  #isHeld(worker: Worker): boolean {
    const sinceMs = this.#options.clock.now() - this.#options.maxPinMs;
    for (const { pinnedSinceMs } of worker.sessions)
      if (pinnedSinceMs !== undefined && pinnedSinceMs > sinceMs) return true;
    return false;
  }

  #whyRecycle(worker: Worker): StopReason | undefined {
    const { maxCalls, memoryBytes, clock } = this.#options;
    if (worker.calls >= maxCalls) return "max-calls";
    if (clock.now() - worker.readySinceMs >= this.#ageLimit(worker)) return "max-age";
    if ((worker.memoryBytes ?? 0) > SOFT_SHARE * memoryBytes) return "memory";
    return undefined;
  }

  #ageLimit(worker: Worker): number {
    const { maxAgeMs } = this.#options;
    if (maxAgeMs === Number.POSITIVE_INFINITY) return maxAgeMs;
    const limit =
      this.#ageLimits.get(worker) ?? maxAgeMs * (1 + AGE_JITTER * (Math.random() - 0.5));
    this.#ageLimits.set(worker, limit);
    return limit;
  }

  /** The cheap reading first: it counts shared memory in full, so that only above it matters. */
  async #measure(worker: Worker): Promise<void> {
    if (this.#measuring.has(worker)) return; // a slow system must not be asked twice at once
    this.#measuring.add(worker);
    await this.#weigh(worker).finally(() => this.#measuring.delete(worker));
  }

  async #weigh(worker: Worker): Promise<void> {
    const { memoryBytes } = this.#options;
    const { process } = worker;
    if (process?.memoryBytes === undefined) return;
    let bytes = await process.memoryBytes("resident");
    for (let exact = 0; exact < EXACT_READINGS; exact++) {
      if (bytes === undefined || bytes <= SOFT_SHARE * memoryBytes) break;
      bytes = Math.min(bytes, (await process.memoryBytes("proportional")) ?? bytes);
    }
    worker.memoryBytes = bytes;
    if (bytes === undefined || bytes <= memoryBytes) return;
    worker.exceeded(memoryExceeded(worker.id, bytes, memoryBytes));
  }
}

function memoryExceeded(
  workerId: string,
  bytes: number,
  limitBytes: number,
): SnakepitError<"MEMORY_EXCEEDED"> {
  return new SnakepitError(
    "MEMORY_EXCEEDED",
    `worker ${workerId} and what it has started use ${mebibytes(bytes)} MiB, above memoryBytes (${mebibytes(limitBytes)} MiB)`,
    { outcome: "unknown", details: { workerId, bytes, limitBytes } },
  );
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
