import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type MeterProvider, metrics, type TracerProvider, trace } from "@opentelemetry/api";
import { checkKinds, checkKnownKeys, objectMap, show, text } from "../check-options.ts";
import { SnakepitError } from "../errors.ts";
import type { Pool } from "../pool.ts";
import { CallSpans } from "./call-spans.ts";
import { PoolMetrics } from "./pool-metrics.ts";

export interface InstrumentOptions {
  /** Default: the global one, which does nothing until the application has set up an SDK. */
  readonly tracerProvider?: TracerProvider;
  /** As `tracerProvider`. */
  readonly meterProvider?: MeterProvider;
  /** Of a single pool, for the attribute `snakepit.pool.name`. Default: `"default"`. */
  readonly name?: string;
}

/** What `createPool` makes, or several pools by name, as `createPools` makes them. */
export type Instrumented = Pool | PoolGroup;

export interface PoolGroup {
  pool(name: string): Pool;
  /** By the names of its pools. */
  stats(): Readonly<Record<string, unknown>>;
}

/** Under this name the application finds our spans and metrics. */
const SCOPE = "snakepit";

/**
 * Turns what happens in a pool, or in several, into spans and metrics, until it is disposed of.
 * Each call becomes a span below the one that is active where the call is made. Names of commands,
 * sessions and workers, and codes of errors go into attributes; arguments and replies never do.
 * @throws SnakepitError INVALID_OPTIONS
 */
export function instrument(target: Instrumented, options: InstrumentOptions = {}): Disposable {
  checkInput(target, options);
  const { tracerProvider = trace, meterProvider = metrics, name = "default" } = options;
  return new Instrumentation(
    () => poolsOf(target, name),
    new CallSpans(tracerProvider.getTracer(SCOPE)),
    new PoolMetrics(meterProvider.getMeter(SCOPE)),
  );
}

class Instrumentation implements Disposable {
  readonly #pools: () => readonly NamedPool[];
  readonly #spans: CallSpans;
  readonly #metrics: PoolMetrics;
  readonly #followed = new Map<Pool, readonly Disposable[]>();

  constructor(pools: () => readonly NamedPool[], spans: CallSpans, poolMetrics: PoolMetrics) {
    this.#pools = pools;
    this.#spans = spans;
    this.#metrics = poolMetrics;
    this.#discover();
    subscribe("snakepit:pool-ready", this.#onNewPool);
  }

  /** A group may have been given one more. It knows of it only once `createPool` has returned. */
  readonly #onNewPool = () => void setImmediate(() => this.#discover()).unref();

  #discover(): void {
    for (const { name, pool } of this.#pools()) {
      if (this.#followed.has(pool)) continue;
      const forget = pool.on("pool-closed", () => this.#forget(pool));
      this.#followed.set(pool, [
        forget,
        this.#spans.follow(name, pool),
        this.#metrics.follow(name, pool),
      ]);
    }
  }

  #forget(pool: Pool): void {
    for (const part of this.#followed.get(pool) ?? []) part[Symbol.dispose]();
    this.#followed.delete(pool);
  }

  [Symbol.dispose](): void {
    unsubscribe("snakepit:pool-ready", this.#onNewPool);
    for (const pool of [...this.#followed.keys()]) this.#forget(pool);
    this.#spans[Symbol.dispose]();
    this.#metrics[Symbol.dispose]();
  }
}

interface NamedPool {
  readonly name: string;
  readonly pool: Pool;
}

function poolsOf(target: Instrumented, name: string): readonly NamedPool[] {
  if (!isGroup(target)) return [{ name, pool: target }];
  return Object.keys(target.stats()).map((key) => ({ name: key, pool: target.pool(key) }));
}

function isGroup(target: Instrumented): target is PoolGroup {
  return "pool" in target;
}

function checkInput(target: unknown, options: InstrumentOptions): void {
  const { pool, on } = (target ?? {}) as { readonly pool?: unknown; readonly on?: unknown };
  const problems = [
    ...checkKnownKeys("instrument", options, ["tracerProvider", "meterProvider", "name"]),
    ...checkKinds(options, { tracerProvider: objectMap, meterProvider: objectMap, name: text }),
    ...(typeof pool === "function" || typeof on === "function"
      ? []
      : [`instrument needs what createPool or createPools has made, not ${show(target)}`]),
  ];
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
}
