import type { Correlation } from "./adapter.ts";
import { LOG_LIMIT, LogLimit } from "./log-limit.ts";

/** A log line of a worker, or of its host about it. */
export interface WorkerLog {
  readonly workerId: string;
  /** As the worker names it; `warning` for what the host noticed itself. */
  readonly level: string;
  readonly message: string;
  /** Of the call in which it was written. */
  readonly correlation?: Correlation;
}

/** A longer message is cut: it was meant for a file. */
const MAX_CHARACTERS = 16 * 1024;

/** Where everything that a worker logs or prints by mistake passes, and is kept in bounds. */
export class WorkerLogs {
  readonly #workerId: string;
  readonly #onLog: (log: WorkerLog) => void;
  readonly #limit: LogLimit;

  /** `share`: of what a worker may log at most; for a second guard behind another. */
  constructor(workerId: string, onLog: (log: WorkerLog) => void, share = 1) {
    this.#workerId = workerId;
    this.#onLog = onLog;
    const { perSecond, burst } = LOG_LIMIT;
    this.#limit = new LogLimit({ perSecond: perSecond * share, burst: burst * share });
  }

  add(level: string, message: string, correlation?: Correlation): void {
    if (!this.#limit.admits(performance.now())) return;
    this.#reportDropped();
    const cut = message.length - MAX_CHARACTERS;
    this.#tell(
      level,
      cut > 0 ? `${message.slice(0, MAX_CHARACTERS)}… (${cut} more characters)` : message,
      correlation,
    );
  }

  /** The worker is gone: whatever has been dropped since is reported now. */
  end(): void {
    this.#reportDropped();
  }

  #reportDropped(): void {
    const dropped = this.#limit.takeDropped();
    if (dropped === 0) return;
    const lines = dropped === 1 ? "1 more line was" : `${dropped} more lines were`;
    this.#tell("warning", `${lines} dropped: this worker logs more than its host can use`);
  }

  #tell(level: string, message: string, correlation?: Correlation): void {
    const line = { workerId: this.#workerId, level, message };
    try {
      this.#onLog(correlation === undefined ? line : { ...line, correlation });
    } catch {
      // The listener's own fault, and no reason to harm the calls of this worker.
    }
  }
}
