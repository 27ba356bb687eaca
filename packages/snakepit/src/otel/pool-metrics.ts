import type {
  Attributes,
  BatchObservableResult,
  Counter,
  Histogram,
  Meter,
  MetricOptions,
  Observable,
} from "@opentelemetry/api";
import type { PoolEventOf, StopReason } from "../events.ts";
import type { Pool, WorkerInfo } from "../pool.ts";

/** In seconds, as the conventions want it: from 100 µs to ten minutes. */
const durations: MetricOptions = {
  unit: "s",
  advice: {
    explicitBucketBoundaries: [
      ...[0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
      ...[1, 3, 10, 30, 60, 180, 600],
    ],
  },
};

/** Workers that ended for one of these are not missed; all others are replaced. */
const unneeded: ReadonlySet<StopReason> = new Set(["pool-closed", "idle", "resize"]);

/** What pools count and measure, and what they are when somebody asks. */
export class PoolMetrics implements Disposable {
  readonly #meter: Meter;
  readonly #pools = new Map<string, Pool>();
  /** Of pools that are gone: an SDK goes on to report what it last heard, which must be nothing. */
  readonly #gone = new Set<string>();
  readonly #counted: Counted;
  readonly #observed: Observed;

  constructor(meter: Meter) {
    this.#meter = meter;
    this.#counted = counted(meter);
    this.#observed = observed(meter);
    meter.addBatchObservableCallback(this.#observe, Object.values(this.#observed));
  }

  follow(name: string, pool: Pool): Disposable {
    const parts = { "snakepit.pool.name": name };
    this.#pools.set(name, pool);
    this.#gone.delete(name);
    const listeners = [
      pool.on("call-ended", (event) => this.#callEnded(event, parts)),
      pool.on("worker-stopped", (event) => this.#workerStopped(event, parts)),
      pool.on("worker-start-failed", () => this.#counted.startFailures.add(1, parts)),
      pool.on("call-retried", ({ command }) =>
        this.#counted.retries.add(1, { ...parts, "rpc.method": command }),
      ),
    ];
    return {
      [Symbol.dispose]: () => {
        if (this.#pools.delete(name)) this.#gone.add(name);
        for (const listener of listeners) listener[Symbol.dispose]();
      },
    };
  }

  #callEnded(event: PoolEventOf<"call-ended">, pool: Attributes): void {
    const { command, code, queuedMs, runMs, workerId, isStream, chunks } = event;
    const call = { ...pool, "rpc.method": command };
    const outcome = code === undefined ? call : { ...call, "error.type": code };
    this.#counted.calls.add(1, outcome);
    this.#counted.queueTime.record(queuedMs / 1_000, call);
    if (workerId !== undefined) this.#counted.runTime.record(runMs / 1_000, outcome);
    if (!isStream) return;
    this.#counted.streams.add(1, outcome);
    this.#counted.chunks.add(chunks, call);
  }

  #workerStopped({ reason, cause }: PoolEventOf<"worker-stopped">, pool: Attributes): void {
    if (unneeded.has(reason)) return;
    const why = { "snakepit.stop.reason": reason, "snakepit.stop.cause": cause };
    this.#counted.restarts.add(1, { ...pool, ...why });
  }

  readonly #observe = (result: BatchObservableResult) => {
    for (const [name, pool] of this.#pools) observe(result, this.#observed, name, stateOf(pool));
    for (const name of this.#gone) observe(result, this.#observed, name, nothing);
  };

  [Symbol.dispose](): void {
    this.#meter.removeBatchObservableCallback(this.#observe, Object.values(this.#observed));
  }
}

interface Counted {
  readonly calls: Counter;
  readonly queueTime: Histogram;
  readonly runTime: Histogram;
  readonly retries: Counter;
  readonly streams: Counter;
  readonly chunks: Counter;
  readonly restarts: Counter;
  readonly startFailures: Counter;
}

function counted(meter: Meter): Counted {
  const counter = (name: string, unit: string, description: string) =>
    meter.createCounter(name, { unit, description });
  const histogram = (name: string, description: string) =>
    meter.createHistogram(name, { ...durations, description });
  return {
    calls: counter("snakepit.calls", "{call}", "Calls that have ended, failed ones by error.type"),
    queueTime: histogram("snakepit.call.queue.duration", "How long calls waited for a worker"),
    runTime: histogram("snakepit.call.run.duration", "How long workers took for calls"),
    retries: counter("snakepit.call.retries", "{call}", "Calls sent again after a worker was lost"),
    streams: counter("snakepit.streams", "{stream}", "Streams that have ended"),
    chunks: counter("snakepit.stream.chunks", "{chunk}", "Chunks that streams have handed over"),
    restarts: counter("snakepit.worker.restarts", "{restart}", "Workers that had to be replaced"),
    startFailures: counter("snakepit.worker.start.failures", "{start}", "Starts that have failed"),
  };
}

interface Observed extends Record<string, Observable> {
  readonly queueDepth: Observable;
  readonly running: Observable;
  readonly workers: Observable;
  readonly memory: Observable;
  readonly sessions: Observable;
}

function observed(meter: Meter): Observed {
  const sum = (name: string, unit: string, description: string) =>
    meter.createObservableUpDownCounter(name, { unit, description });
  return {
    queueDepth: sum("snakepit.queue.depth", "{call}", "Calls that wait for a worker"),
    running: sum("snakepit.calls.running", "{call}", "Calls that workers hold"),
    workers: sum("snakepit.workers", "{worker}", "Workers by state"),
    memory: sum("snakepit.worker.memory", "By", "Memory of all workers and what they have started"),
    sessions: sum("snakepit.sessions", "{session}", "Open sessions"),
  };
}

/** Every state, so that the one which nobody is in any more goes back to 0. */
const states = ["starting", "ready", "suspect", "draining"] as const;

interface PoolState {
  readonly queued: number;
  readonly running: number;
  readonly sessions: number;
  readonly workers: readonly Pick<WorkerInfo, "state" | "memoryBytes">[];
}

const nothing: PoolState = { queued: 0, running: 0, sessions: 0, workers: [] };

function stateOf(pool: Pool): PoolState {
  const { queued, running, sessions } = pool.stats();
  return { queued, running, sessions, workers: pool.workers() };
}

function observe(result: BatchObservableResult, to: Observed, name: string, now: PoolState): void {
  const attributes = { "snakepit.pool.name": name };
  result.observe(to.queueDepth, now.queued, attributes);
  result.observe(to.running, now.running, attributes);
  result.observe(to.sessions, now.sessions, attributes);
  for (const state of states) {
    const count = now.workers.filter((worker) => worker.state === state).length;
    result.observe(to.workers, count, { ...attributes, "snakepit.worker.state": state });
  }
  const measured = now.workers.flatMap(({ memoryBytes }) => memoryBytes ?? []);
  // Before the first measurement there is nothing to tell; afterwards 0 means that all are gone.
  if (measured.length > 0 || now.workers.length === 0)
    result.observe(
      to.memory,
      measured.reduce((sum, bytes) => sum + bytes, 0),
      attributes,
    );
}
