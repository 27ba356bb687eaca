import type { Circuit } from "./circuit.ts";
import type { Clock } from "./clock.ts";
import { wasKilledFromOutside } from "./crash.ts";
import type { PoolEvent } from "./events.ts";
import type { StopReport } from "./worker-owner.ts";

/** Counts for the circuit what becomes of calls, and tells when it opens or closes. */
export class CircuitWatch {
  readonly #circuit: Circuit;
  readonly #clock: Clock;
  readonly #emit: (event: PoolEvent) => void;

  constructor(circuit: Circuit, clock: Clock, emit: (event: PoolEvent) => void) {
    this.#circuit = circuit;
    this.#clock = clock;
    this.#emit = emit;
  }

  /** How long a new call is refused for, or undefined when it may go. */
  refusedForMs(): number | undefined {
    if (this.#circuit.phase === "closed") return undefined;
    return this.#circuit.refusedForMs(this.#clock.now());
  }

  /** A worker has answered, well or badly. */
  answered(): void {
    if (this.#circuit.answered()) this.#emit({ name: "circuit-closed" });
  }

  /** So many calls were lost with their worker. */
  lost(calls: number): void {
    const nowMs = this.#clock.now();
    for (let lost = 0; lost < calls; lost++) {
      if (!this.#circuit.lost(nowMs)) continue;
      const retryAfterMs = this.#circuit.refusedForMs(nowMs) ?? 0;
      this.#emit({ name: "circuit-opened", retryAfterMs });
    }
  }

  /** What a worker ended of may lie in its calls. */
  workerStopped(report: StopReport): void {
    if (isOwnFault(report)) this.lost(report.lostCalls);
  }
}

function isOwnFault({ reason, exit, cause }: StopReport): boolean {
  if (cause === "stopped") return reason === "memory-exceeded" || reason === "hung";
  return !wasKilledFromOutside(exit, cause);
}
