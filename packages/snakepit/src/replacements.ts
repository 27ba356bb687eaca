import type { StopReason } from "./events.ts";
import { type Fleet, MAX_STARTING } from "./fleet.ts";
import type { RestartOptions, RestartReport } from "./pool.ts";
import { closedError } from "./pool-errors.ts";
import type { Worker } from "./worker.ts";

type Left = RestartReport["left"][number];

/** Replaces workers so that no call notices: the new one is ready before the old one goes. */
export class Replacements {
  readonly #fleet: Fleet;
  #replacing = 0;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** It goes when its successor is there. One at a time; asked again, whoever is left comes next. */
  retire(worker: Worker, reason: StopReason): void {
    if (worker.retiring !== undefined || this.#replacing > 0) return;
    // Nobody would miss it.
    if (worker.load === 0 && this.#fleet.ready.length > this.#fleet.minWorkers)
      return worker.drain(reason);
    if (this.#fleet.mayStart) void this.#replace(worker, reason);
  }

  async #replace(worker: Worker, reason: StopReason): Promise<boolean> {
    this.#replacing++;
    worker.retiring = reason;
    try {
      if ((await this.#fleet.startOne()) === undefined) return false;
      worker.drain(reason);
      return true;
    } finally {
      this.#replacing--;
      worker.retiring = undefined;
    }
  }

  /** @throws SnakepitError WORKER_START_FAILED */
  async restart(options: Required<RestartOptions>): Promise<RestartReport> {
    const waiting = [...this.#fleet.ready];
    const left: Left[] = [];
    const ends: Promise<string | Left>[] = [];
    let failure: unknown;
    const lane = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (failure !== undefined) return;
        if (next.phase === "stopped") continue; // it has been replaced already
        if (next.pinned && !options.force) left.push({ workerId: next.id, reason: "pinned" });
        else if (await this.#replace(next, "restart")) ends.push(this.#end(next, options));
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
