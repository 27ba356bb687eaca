import type { PoolOptions } from "snakepit";
import type { ListenOptions } from "./listen-options.ts";
import type { BridgeOptions, BridgePoolOptions, PythonSettings } from "./options.ts";

/** One pool of a bridge, with nothing left open that is the bridge's to say. */
export interface PoolPlan {
  readonly name: string;
  readonly python: PythonSettings;
  readonly transport: "socket" | "grpc";
  readonly listen: ListenOptions | undefined;
  readonly maxValueBytes: number | undefined;
  readonly commands: readonly string[];
  /** What goes to the pool as it is. */
  readonly options: Omit<PoolOptions, "adapter">;
}

const MIN_WORKERS = 2;
const MAX_WORKERS = 10;
const DEFAULT_NAME = "default";

/** The pools that these options, known to be good, ask for; the first takes what nobody routes. */
export function poolPlans(options: BridgeOptions): PoolPlan[] {
  const { pools, route, ...shared } = options;
  if (pools === undefined) return [plan(shared.name ?? DEFAULT_NAME, shared)];
  const { name, store, maxSessions, ...each } = shared;
  return Object.entries(pools).map(([name, own]) => plan(name, merged(each, own)));
}

function plan(
  name: string,
  {
    python = {},
    transport = "socket",
    listen,
    maxValueBytes,
    commands = [],
    ...options
  }: BridgePoolOptions,
): PoolPlan {
  return {
    name,
    python,
    transport,
    // What all pools share is nothing to one that keeps to the socket.
    listen: transport === "grpc" ? listen : undefined,
    maxValueBytes,
    commands,
    options: { ...defaultSizes(options), ...given(options) },
  };
}

/** One that is given moves the other's default: neither contradicts it. */
export function defaultSizes({ minWorkers = 0, maxWorkers = MAX_WORKERS }: BridgePoolOptions) {
  return {
    minWorkers: Math.min(MIN_WORKERS, maxWorkers),
    maxWorkers: Math.max(MAX_WORKERS, minWorkers),
  };
}

function merged(shared: BridgePoolOptions, own: BridgePoolOptions): BridgePoolOptions {
  const python = mergedPython(shared.python ?? {}, own.python ?? {});
  return { ...given(shared), ...given(own), python };
}

/** Lists and variables add up, so that a pool names only what it needs beyond the others. */
function mergedPython(shared: PythonSettings, own: PythonSettings): PythonSettings {
  const both = (name: "extras" | "preload" | "path") => [
    ...new Set([...(shared[name] ?? []), ...(own[name] ?? [])]),
  ];
  return {
    ...given(shared),
    ...given(own),
    extras: both("extras"),
    preload: both("preload"),
    path: both("path"),
    env: { ...given(shared.env ?? {}), ...given(own.env ?? {}) },
  };
}

type Given<Options> = { [Name in keyof Options]: Exclude<Options[Name], undefined> };

/** An `undefined` counts as absent. */
export function given<Options extends object>(options: Options): Given<Options> {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Given<Options>;
}
