import { type PoolOptions, poolOptionNames } from "snakepit";
import type { ListenOptions } from "./listen-options.ts";

/** How Python is found and what its workers load. */
export interface PythonSettings {
  /** A Python with `snakepit_bridge` in it. Default: `SNAKEPIT_PYTHON`, else the managed environment. */
  readonly executable?: string | undefined;
  /** Make a missing environment. Default: only on a terminal, where its progress can be seen. */
  readonly autoSetup?: boolean | undefined;
  /** Parts of the environment beyond the core: `["dspy"]`. */
  readonly extras?: readonly string[] | undefined;
  /**
   * Modules that are imported once, before workers are forked from them. A module that registers
   * commands with `@command` belongs here.
   */
  readonly preload?: readonly string[] | undefined;
  /** Folders in front of Python's module path. */
  readonly path?: readonly string[] | undefined;
  /** Variables for the workers, beyond the launcher's allow-list. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Calls that one worker runs side by side. Default: 64. */
  readonly concurrency?: number | undefined;
  /** `"spawn"` starts each worker from nothing. Default: `"fork"`, where the preload allows it. */
  readonly startMethod?: "fork" | "spawn" | undefined;
  /** Threads that numeric libraries (OpenBLAS, OpenMP, MKL, …) may use in one worker. Default: 1. */
  readonly threads?: number | undefined;
  /**
   * Makes random numbers repeatable: the n-th worker that a pool starts, counted from 0, seeds
   * `random`, `numpy.random` and torch, as far as the preload has imported them, with the first
   * four bytes (big endian) of the SHA-256 of `"<seed>/<n>"`, which it also finds in
   * `SNAKEPIT_SEED`. Default: the system's randomness.
   */
  readonly seed?: number | undefined;
  /**
   * What a reply is with an object in it that has no form on the wire: refused (`"error"`, the
   * default), a `PyPlaceholder` in the object's place, or a `PyRef`, for which the worker keeps the
   * object until its session ends or `python.release` lets go of it.
   */
  readonly unknownObjects?: "error" | "placeholder" | "ref" | undefined;
}

/** An `undefined` counts as absent, so that options can be passed on as they came. */
type OrUndefined<Options> = { readonly [Name in keyof Options]: Options[Name] | undefined };

type Shared = "name" | "store" | "maxSessions";

/** Of one pool of Python workers: all that a pool takes, and how its Python is. */
export interface BridgePoolOptions
  extends OrUndefined<Omit<PoolOptions, "adapter" | "launcher" | "clock" | Shared>> {
  readonly python?: PythonSettings | undefined;
  /** What carries the frames. Default: `"socket"`, which is faster. */
  readonly transport?: "socket" | "grpc" | undefined;
  /** With `transport: "grpc"`: TCP with mTLS instead of a Unix socket. */
  readonly listen?: ListenOptions | undefined;
  /** Most bytes that the big binaries of one call, reply or chunk may have in all. Default: 1 GiB. */
  readonly maxValueBytes?: number | undefined;
  /** Commands that go to this pool: names, or how they begin, with a `*` at the end. Default: none. */
  readonly commands?: readonly string[] | undefined;
}

export interface BridgeOptions
  extends Omit<BridgePoolOptions, "commands">,
    OrUndefined<Pick<PoolOptions, Shared>> {
  /**
   * Several pools by name. All other options hold for each of them that does not say otherwise;
   * what its `python` has in lists and in `env` is added. Default: one pool.
   */
  readonly pools?: Readonly<Record<string, BridgePoolOptions>> | undefined;
  /**
   * The pool for a command; asked before the `commands` of the pools are. `undefined`: as they say,
   * else the first.
   */
  readonly route?: ((command: string) => string | undefined) | undefined;
}

const notOurs = ["adapter", "launcher", "clock"];
const ownNames = ["python", "transport", "listen", "maxValueBytes"];
/** Of the bridge alone: pools share one store, and have the names of their keys. */
const sharedNames = ["name", "store", "maxSessions"];

/** The names of all options, for options that are built upon the bridge's. */
export const bridgeOptionNames: readonly string[] = [
  ...ownNames,
  "pools",
  "route",
  ...poolOptionNames.filter((name) => !notOurs.includes(name)),
];

/** The names of the options of one pool among several. */
export const bridgePoolOptionNames: readonly string[] = [
  ...ownNames,
  "commands",
  ...poolOptionNames.filter((name) => !notOurs.includes(name) && !sharedNames.includes(name)),
];
