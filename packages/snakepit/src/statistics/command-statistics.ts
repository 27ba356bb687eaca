import { Histogram } from "./histogram.ts";

/** A host that takes command names from outside must not keep a histogram of each for ever. */
const MAX_COMMANDS = 1_000;
/** Under which all further ones are counted. */
const OTHER = "other";

/** So many calls of a command are all measured, and after them one in so many of the quick ones. */
const FIRST_CALLS = 1_000;
const ONE_IN = 16;

/** Of a length of time, right to a sixteenth. */
export interface Percentiles {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** The calls of one command that have ended. Its own times are from submitting to answering. */
export interface CommandStats extends Percentiles {
  readonly calls: number;
  readonly errors: number;
  /** On the worker, in the last attempt. */
  readonly run: Percentiles;
}

/** Counts and times per command. Refused calls are counted and have no times: they took none. */
export class CommandStatistics {
  readonly #records = new Map<string, CommandRecord>();
  /** Most calls are of the same command as the one before, and comparing costs less than finding. */
  #lastCommand = "";
  #last = new CommandRecord();

  of(command: string): CommandRecord {
    if (command === this.#lastCommand) return this.#last;
    const record = this.#find(command);
    this.#lastCommand = command;
    this.#last = record;
    return record;
  }

  #find(command: string): CommandRecord {
    const known = this.#records.get(command);
    if (known !== undefined) return known;
    const name = this.#records.size < MAX_COMMANDS - 1 ? command : OTHER;
    const record = this.#records.get(name) ?? new CommandRecord();
    this.#records.set(name, record);
    return record;
  }

  report(): Readonly<Record<string, CommandStats>> {
    // By entries: a command may be named `__proto__`.
    return Object.fromEntries([...this.#records].map(([name, record]) => [name, record.report()]));
  }
}

export class CommandRecord {
  calls = 0;
  errors = 0;
  readonly #total = new Histogram();
  readonly #run = new Histogram();
  #passedOver = 0;

  /** For how many a quick call should be measured: 0 when it should not. */
  sample(): number {
    if (this.calls <= FIRST_CALLS) return 1;
    if (++this.#passedOver < ONE_IN) return 0;
    this.#passedOver = 0;
    return ONE_IN;
  }

  /** `runMs`: undefined when no worker has taken it. `times`: for how many this one stands. */
  took(totalMs: number, runMs: number | undefined, times: number): void {
    this.#total.add(totalMs, times);
    if (runMs !== undefined) this.#run.add(runMs, times);
  }

  report(): CommandStats {
    const { calls, errors } = this;
    return { calls, errors, ...percentiles(this.#total), run: percentiles(this.#run) };
  }
}

function percentiles(times: Histogram): Percentiles {
  return {
    p50Ms: times.percentileMs(0.5),
    p95Ms: times.percentileMs(0.95),
    p99Ms: times.percentileMs(0.99),
    maxMs: times.maxMs,
  };
}
