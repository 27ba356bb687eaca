import { availableParallelism } from "node:os";
import type { Adapter } from "./adapter.ts";
import {
  callback,
  checkIntegers,
  checkKinds,
  checkKnownKeys,
  type IntegerRule,
  type Kind,
  oneOf,
  show,
  text,
  truth,
  withDefaults,
} from "./check-options.ts";
import { type CircuitOptions, circuitDefaults } from "./circuit.ts";
import { type Clock, systemClock } from "./clock.ts";
import { invalidArgument, SnakepitError } from "./errors.ts";
import type { Launcher } from "./launcher.ts";
import { type Logger, loggerProblems } from "./logging/logger.ts";
import type { ResizeOptions } from "./pool.ts";
import { type Preset, presets } from "./presets.ts";
import type { Rehydrate } from "./rehydration.ts";
import type { Store } from "./store/store.ts";
import { adapterProblems } from "./validate-adapter.ts";
import type { WarmUpCall } from "./worker-start.ts";

/** Every number that a pool can be given, with its default. */
const defaults = {
  /** Workers that are kept running. */
  minWorkers: 1,
  /** Default: twice the cores. */
  maxWorkers: 2 * availableParallelism(),
  /** Calls that may wait for a slot. */
  maxQueue: 1_000,
  /**
   * How long a call may wait while every worker is busy, then QUEUE_TIMEOUT; not counted while a
   * worker is starting. Infinity: as long as its deadline.
   */
  queueTimeoutMs: Number.POSITIVE_INFINITY,
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
  /** Idle for so long, workers above `minWorkers` end; Infinity: never. */
  idleTimeoutMs: 300_000,
  /** A worker is replaced after so many calls, */
  maxCalls: Number.POSITIVE_INFINITY,
  /** after so long (give or take a twentieth), */
  maxAgeMs: Number.POSITIVE_INFINITY,
  /**
   * or when it and what it has started use four fifths of so much memory. Above it the worker is
   * killed, with MEMORY_EXCEEDED for its calls.
   */
  memoryBytes: Number.POSITIVE_INFINITY,
  /** Silence after which a worker is asked whether it lives; Infinity: it never is. */
  heartbeatMs: 5_000,
  /** Silence, pings included, after which it counts as hung. */
  hungMs: 15_000,
  /** A hung worker is killed when nobody waits for a call on it, at the latest after so long. */
  hungKillMs: 60_000,
  /** For so long a session may keep its worker from being replaced. */
  maxPinMs: 3_600_000,
  /** Sessions that may live at once; of a `store` that is given, the store's own limit counts. */
  maxSessions: 10_000,
};

export type PoolLimits = typeof defaults;
/** The names of all numbers that a pool can be given, for options that are built upon its own. */
export const poolLimitNames = Object.keys(defaults) as readonly (keyof PoolLimits)[];

export interface PoolOptions extends Partial<PoolLimits> {
  /** In errors and telemetry, and what a session may be bound to. `createPools` gives its own. */
  readonly name?: string;
  /** Timeouts for a kind of use: see `presets`. Default: those of the single options. */
  readonly preset?: Preset;
  /**
   * Where sessions and their records live: a store, which stays yours to close, or its URL
   * (`sqlite:sessions.db`, `redis://localhost`). Default: the memory of this program.
   */
  readonly store?: Store | string;
  /**
   * Makes a worker ready for a session that has moved to it; its calls wait until that is done.
   * Calls that it makes in the session go to that worker, before all others.
   */
  readonly rehydrate?: Rehydrate;
  /** Knows how to talk to the workers. */
  readonly adapter: Adapter;
  /** Brings them into being. Default: the adapter's own, else local processes. */
  readonly launcher?: Launcher;
  /** Commands that each new worker answers before it counts as ready. Default: none. */
  readonly warmUp?: readonly WarmUpCall[];
  /** When calls are refused because workers die of them; `false`: never. */
  readonly circuit?: Partial<CircuitOptions> | false;
  /**
   * No heartbeats and no default deadlines, so that somebody may look at a worker in a debugger.
   * Default: true while an inspector is attached to this process.
   */
  readonly debug?: boolean;
  /**
   * Measures each call for `stats().commands`, and publishes events on `node:diagnostics_channel`.
   * `false` saves some 6 % of what a call costs in the pool itself; `pool.on` and the counts stay. Default:
   * true.
   */
  readonly telemetry?: boolean;
  /** Where the pool tells of its workers: `console`, pino, or anything like them. Default: nowhere. */
  readonly logger?: Logger;
  /**
   * The command `snakepit`, run by the same user on the same machine, may look at this pool and
   * replace its workers; docs/inspecting.md. Default: true, unless the environment has
   * SNAKEPIT_INSPECT=0.
   */
  readonly inspect?: boolean;
  /** For tests: `fakeClock()`. */
  readonly clock?: Clock;
}

export interface ResolvedPoolOptions extends PoolLimits {
  readonly adapter: Adapter;
  readonly launcher: Launcher | undefined;
  readonly warmUp: readonly WarmUpCall[];
  /** Absent: no circuit. */
  readonly circuit: CircuitOptions | undefined;
  readonly telemetry: boolean;
  readonly logger: Logger | undefined;
  readonly inspect: boolean;
  readonly clock: Clock;
  readonly name: string | undefined;
  /** Absent: one of its own, in memory. */
  readonly store: Store | undefined;
  /** The pool closes it. */
  readonly ownsStore: boolean;
  readonly rehydrate: Rehydrate | undefined;
}

/** The smallest integer allowed, where it is not 1; `Infinity` where that means "no limit". */
const rules: Partial<Record<keyof PoolLimits, IntegerRule>> = {
  minWorkers: 0,
  maxWorkers: 1,
  maxQueue: 0,
  queueTimeoutMs: 0,
  stopGraceMs: 0,
  cancelGraceMs: 0,
  drainMs: 0,
  idleTimeoutMs: 0,
  maxCalls: { min: 1, orInfinity: true },
  maxAgeMs: 1,
  memoryBytes: { min: 1, orInfinity: true },
  heartbeatMs: 1,
  hungMs: 1,
  hungKillMs: 0,
  maxPinMs: 0,
  maxSessions: 1,
};

const ownKeys = [
  "adapter",
  "launcher",
  "warmUp",
  "circuit",
  "debug",
  "inspect",
  "telemetry",
  "logger",
  "clock",
  "name",
  "preset",
  "store",
  "rehydrate",
];

/** The names of all options of a pool, for options that are built upon its own. */
export const poolOptionNames: readonly string[] = [...ownKeys, ...poolLimitNames];

/** What is wrong with these options, a sentence each, for whoever has more to say of them. */
export function poolOptionProblems(input: PoolOptions): string[] {
  const given = input ?? ({} as PoolOptions);
  const limits = resolveLimits(given);
  return [
    ...checkKnownKeys("createPool", input, poolOptionNames),
    ...checkIntegers(limits, rules as Readonly<Record<string, IntegerRule>>),
    ...checkTimeouts(limits),
    ...(input === undefined || input === null ? [] : adapterProblems(given.adapter)),
    ...checkOrder(limits, "minWorkers", "maxWorkers"),
    ...checkOrder(limits, "heartbeatMs", "hungMs"),
    ...checkParts(given),
  ];
}

/** @throws SnakepitError INVALID_OPTIONS with every problem at once */
export function resolvePoolOptions(input: PoolOptions): ResolvedPoolOptions {
  const problems = poolOptionProblems(input);
  const given = input ?? ({} as PoolOptions);
  const limits = resolveLimits(given);
  if (problems.length > 0) {
    throw new SnakepitError("INVALID_OPTIONS", problems.join("; "), { outcome: "not-started" });
  }
  const { adapter, launcher, warmUp = [], circuit = {}, clock = systemClock } = given;
  const { telemetry = true, inspect = true, logger, name, store, rehydrate } = given;
  return {
    ...limits,
    ...(isDebugged(given.debug) ? undebuggable(given) : {}),
    adapter,
    launcher,
    warmUp,
    circuit: circuit === false ? undefined : withDefaults(circuitDefaults, circuit),
    telemetry,
    logger,
    inspect,
    clock,
    name,
    store: typeof store === "string" ? undefined : store,
    ownsStore: false,
    rehydrate,
  };
}

function resolveLimits(given: PoolOptions): PoolLimits {
  const preset: Partial<PoolLimits> = presets[given.preset as Preset] ?? {};
  const limits = withDefaults({ ...defaults, ...preset }, given);
  // A minimum above the default maximum means that much, and not a contradiction.
  if (given.maxWorkers === undefined)
    limits.maxWorkers = Math.max(limits.maxWorkers, limits.minWorkers);
  if (given.hungMs === undefined) limits.hungMs = Math.max(limits.hungMs, 3 * limits.heartbeatMs);
  return limits;
}

/** New sizes for a pool that runs. @throws SnakepitError INVALID_ARGUMENT */
export function checkSizes(
  sizes: ResizeOptions,
  now: Required<ResizeOptions>,
): Required<ResizeOptions> {
  const resized = withDefaults(now, sizes ?? {});
  const problems = [
    ...checkKnownKeys("resize", sizes, Object.keys(now)),
    ...checkIntegers(resized, { minWorkers: 0, maxWorkers: 1 }),
    ...checkOrder(resized, "minWorkers", "maxWorkers"),
  ];
  if (problems.length === 0) return resized;
  throw invalidArgument(problems.join("; "));
}

function checkOrder<Name extends string>(
  values: Readonly<Record<Name, number>>,
  low: Name,
  high: Name,
): string[] {
  if (!(values[low] > values[high])) return [];
  return [`${low} (${values[low]}) is above ${high} (${values[high]})`];
}

function checkParts(given: PoolOptions): string[] {
  const { warmUp, circuit, logger } = given;
  const problems = [...checkKinds(given, kinds()), ...checkStore(given)];
  if (warmUp !== undefined && !(Array.isArray(warmUp) && warmUp.every(isWarmUp)))
    problems.push(`warmUp must be an array of { command, args }, not ${shown(warmUp)}`);
  if (logger !== undefined) problems.push(...loggerProblems(logger));
  if (circuit !== undefined && circuit !== false) problems.push(...checkCircuit(circuit));
  return problems;
}

const kinds = () => ({
  name: text,
  preset: oneOf(...Object.keys(presets)),
  rehydrate: callback,
  store: storeKind,
  debug: truth,
  telemetry: truth,
  inspect: truth,
});

/** A store, or its URL. */
export const storeKind: Kind = {
  expected: 'a store or its URL, such as "sqlite:sessions.db"',
  is: (value) =>
    typeof value === "string" ||
    typeof (value as Partial<Store> | null)?.openSession === "function",
};

export const quotaOfStore = "maxSessions is the store's own when a store is given; set it there";

function checkStore({ store, maxSessions }: PoolOptions): string[] {
  if (store === undefined || typeof store === "string" || maxSessions === undefined) return [];
  return [quotaOfStore];
}

/** What is inside is what is wrong with it. */
function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? show(value);
}

function isWarmUp(call: unknown): boolean {
  const command = (call as Partial<WarmUpCall> | null)?.command;
  return typeof command === "string" && command !== "";
}

function checkCircuit(circuit: Partial<CircuitOptions>): string[] {
  const problems = checkKnownKeys("circuit", circuit, Object.keys(circuitDefaults));
  if (typeof circuit !== "object" || circuit === null) return problems;
  const { failureRate, ...integers } = withDefaults(circuitDefaults, circuit);
  problems.push(...checkIntegers(integers, { minCalls: 1, openMs: 1 }));
  if (!(failureRate > 0 && failureRate <= 1))
    problems.push(`circuit.failureRate must be above 0 and at most 1, not ${show(failureRate)}`);
  return problems;
}

function isDebugged(debug: boolean | undefined): boolean {
  if (debug !== undefined) return debug;
  // Not an import: Node can be built without it.
  return process.getBuiltinModule?.("node:inspector")?.url() !== undefined;
}

/** What would end a worker that somebody has halted in a debugger. Explicit deadlines stand. */
function undebuggable(given: PoolOptions): Partial<PoolLimits> {
  const never = Number.POSITIVE_INFINITY;
  return {
    heartbeatMs: never,
    hungMs: never,
    callTimeoutMs: given.callTimeoutMs ?? never,
    chunkTimeoutMs: given.chunkTimeoutMs ?? never,
    startTimeoutMs: given.startTimeoutMs ?? never,
  };
}

const timeouts = ["callTimeoutMs", "streamTimeoutMs", "chunkTimeoutMs", "startTimeoutMs"] as const;

function checkTimeouts(limits: PoolLimits): string[] {
  return timeouts.flatMap((name) => checkTimeout(name, limits[name]));
}

/** A timeout is a positive number of milliseconds, or Infinity. */
export function checkTimeout(name: string, value: unknown): string[] {
  if (typeof value === "number" && value > 0) return [];
  return [`${name} is ${show(value)}, not a positive number of milliseconds (Infinity for none)`];
}
