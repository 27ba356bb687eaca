import { availableParallelism } from "node:os";
import type { Adapter } from "./adapter.ts";
import { checkIntegers, checkKnownKeys, withDefaults } from "./check-options.ts";
import { SnakepitError } from "./errors.ts";
import type { Launcher } from "./launcher.ts";

/** Every number that a pool can be given, with its default. */
const defaults = {
  /** Workers that are kept running. */
  minWorkers: 1,
  /** Default: twice the cores. */
  maxWorkers: 2 * availableParallelism(),
  /** Calls that may wait for a slot. */
  maxQueue: 1_000,
  /** From `execute` to its answer; Infinity for none. */
  callTimeoutMs: 30_000,
  /** A whole stream; Infinity for none. */
  streamTimeoutMs: Number.POSITIVE_INFINITY,
  /** Between two chunks, while the reader waits. */
  chunkTimeoutMs: 60_000,
  /** From the launch of a worker to its handshake. */
  startTimeoutMs: 30_000,
  /** Between asking a worker to end and making it. */
  stopGraceMs: 2_000,
  /** After it, a cancelled call that the worker has not confirmed is abandoned. */
  cancelGraceMs: 2_000,
  /** How long the neighbours of an abandoned call may take. */
  drainMs: 30_000,
};

export type PoolLimits = typeof defaults;

export interface PoolOptions extends Partial<PoolLimits> {
  /** Knows how to talk to the workers. */
  readonly adapter: Adapter;
  /** Brings them into being. Default: the adapter's own, else local processes. */
  readonly launcher?: Launcher;
}

export interface ResolvedPoolOptions extends PoolLimits {
  readonly adapter: Adapter;
  readonly launcher: Launcher | undefined;
}

const least: Partial<Record<keyof PoolLimits, number>> = {
  minWorkers: 0,
  maxWorkers: 1,
  maxQueue: 0,
  stopGraceMs: 0,
  cancelGraceMs: 0,
  drainMs: 0,
};

/** @throws SnakepitError INVALID_OPTIONS with every problem at once */
export function resolvePoolOptions(input: PoolOptions): ResolvedPoolOptions {
  const { adapter, launcher, ...numbers } = input ?? ({} as PoolOptions);
  const limits = withDefaults(defaults, numbers);
  // A minimum above the default maximum means that much, and not a contradiction.
  if (numbers.maxWorkers === undefined)
    limits.maxWorkers = Math.max(limits.maxWorkers, limits.minWorkers);
  const problems = [
    ...checkKnownKeys("createPool", input, ["adapter", "launcher", ...Object.keys(defaults)]),
    ...checkIntegers(limits, least),
    ...checkTimeouts(limits),
    ...(input === undefined || input === null ? [] : checkAdapter(adapter)),
    ...(limits.minWorkers > limits.maxWorkers
      ? [`minWorkers (${limits.minWorkers}) is above maxWorkers (${limits.maxWorkers})`]
      : []),
  ];
  if (problems.length > 0) {
    throw new SnakepitError("INVALID_OPTIONS", problems.join("; "), { outcome: "not-started" });
  }
  return { ...limits, adapter, launcher };
}

const timeouts = ["callTimeoutMs", "streamTimeoutMs", "chunkTimeoutMs", "startTimeoutMs"] as const;

function checkTimeouts(limits: PoolLimits): string[] {
  return timeouts.flatMap((name) => checkTimeout(name, limits[name]));
}

/** A timeout is a positive number of milliseconds, or Infinity. */
export function checkTimeout(name: string, value: unknown): string[] {
  if (typeof value === "number" && value > 0) return [];
  return [`${name} is ${String(value)}, not a positive number of milliseconds (Infinity for none)`];
}

function checkAdapter(adapter: unknown): string[] {
  if (typeof adapter !== "object" || adapter === null) {
    return [`adapter is ${adapter === null ? "null" : typeof adapter}, not an Adapter`];
  }
  const members = adapter as Record<string, unknown>;
  const missing = ["spec", "connect"].filter((name) => typeof members[name] !== "function");
  if (typeof members["name"] !== "string") missing.unshift("name");
  return missing.length === 0 ? [] : [`the adapter lacks ${missing.join(", ")}`];
}
