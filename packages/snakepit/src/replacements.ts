import type { StopReason } from "./events.ts";
import { type Fleet, MAX_STARTING } from "./fleet.ts";
import type { RestartOptions, RestartReport } from "./pool.ts";
import { closedError, notRecycledError } from "./pool-errors.ts";
import type { Worker } from "./worker.ts";

type Replaced =
  | { readonly what: "replaced"; readonly successor: Worker }
  | { readonly what: "pinned" | "failed" };
type Left = RestartReport["left"][number];

/** Replaces workers so that no call notices: the new one is ready before the old one goes. */
export class Replacements {
  readonly #fleet: Fleet;
  #replacing = 0;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** A successor is on its way, and for a moment there is one worker too many. */
  get isBusy(): boolean {
    return this.#replacing > 0;
  }

  /** It goes when its successor is there. One at a time; asked again, whoever is left comes next. */
  retire(worker: Worker, reason: StopReason): void {
    if (worker.retiring !== undefined || this.#replacing > 0) return;
    // Nobody would miss it.
    if (worker.load === 0 && this.#fleet.ready.length > this.#fleet.minWorkers)
      return worker.drain(reason);
    // What sessions may still keep here has been asked before.
    if (this.#fleet.mayStart) void this.#replace(worker, reason, worker.pinned);
  }

  /** A session may have moved in while the successor started: `pinned`, unless it goes by force. */
  async #replace(worker: Worker, reason: StopReason, force: boolean): Promise<Replaced> {
    this.#replacing++;
    worker.retiring = reason;
    try {
      const successor = await this.#fleet.startOne();
      if (successor === undefined) return { what: "failed" };
      if (!worker.pinned || force) {
        worker.drain(reason);
        return { what: "replaced", successor };
      }
      successor.drain(reason); // for nothing, and one too many
      return { what: "pinned" };
    } finally {
      this.#replacing--;
      worker.retiring = undefined;
    }
  }

  /**
   * One worker, because somebody wants it gone. Its successor, once that is ready and the worker
   * takes no more calls.
   * @throws SnakepitError WORKER_START_FAILED; NOT_ALLOWED when a session is pinned there, unless by
   * `force`; WORKER_BUSY when it goes in any case
   */
  async recycle(worker: Worker, { force }: { readonly force: boolean }): Promise<Worker> {
    const isThere = worker.phase === "ready" || worker.phase === "suspect";
    if (!isThere || worker.retiring !== undefined)
      throw notRecycledError(worker.id, isThere ? "being replaced already" : worker.phase);
    const replaced: Replaced =
      worker.pinned && !force ? { what: "pinned" } : await this.#replace(worker, "restart", force);
    if (replaced.what === "replaced") return replaced.successor;
    if (replaced.what === "pinned") throw notRecycledError(worker.id, "pinned");
    throw this.#fleet.lastFailure ?? closedError();
  }

  /** @throws SnakepitError WORKER_START_FAILED */
  async restart(options: Required<RestartOptions>): Promise<RestartReport> {
    const waiting = [...this.#fleet.ready];
    const left: Left[] = [];
    const ends: Promise<string | Left>[] = [];
    let failure: unknown = this.#fleet.refusal();
    const lane = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (failure !== undefined) return;
        if (next.phase !== "ready" && next.phase !== "suspect") continue; // it goes in any case
        const { what } =
          next.pinned && !options.force
            ? ({ what: "pinned" } as const)
            : await this.#replace(next, "restart", options.force);
        if (what === "pinned") left.push({ workerId: next.id, reason: "pinned" });
        else if (what === "replaced") ends.push(this.#end(next, options));
        else failure = this.#fleet.lastFailure ?? closedError();
      }
    };
    await Promise.all(Array.from({ length: MAX_STARTING }, lane));
    if (failure !== undefined) throw failure;
    const ended = await Promise.all(ends);
    const replaced = ended.filter((one) => typeof one === "string");
    return { replaced, left: [...left, ...ended.filter((one) => typeof one !== "string")] };
  }

  /** A draining worker within its grace, or by force. Its id, or that it is still busy. */
  async #end(worker: Worker, options: Required<RestartOptions>): Promise<string | Left> {
    const { id } = worker;
    if (await worker.endsWithin(options.graceMs)) return id;
    if (!options.force) return { workerId: id, reason: "busy" };
    await worker.stop("restart", { graceMs: 0 });
    return id;
  }
}
