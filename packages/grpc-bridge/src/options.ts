import { existsSync } from "node:fs";
import { type PoolLimits, poolLimitNames, SnakepitError } from "snakepit";

/** How Python is found and what its workers load. */
export interface PythonSettings {
  /** A Python with `snakepit_bridge` in it. Default: `SNAKEPIT_PYTHON`, else the managed environment. */
  readonly executable?: string;
  /** Make a missing environment. Default: only on a terminal, where its progress can be seen. */
  readonly autoSetup?: boolean;
  /** Parts of the environment beyond the core: `["dspy"]`. */
  readonly extras?: readonly string[];
  /**
   * Modules that are imported once, before workers are forked from them. A module that registers
   * commands with `@command` belongs here.
   */
  readonly preload?: readonly string[];
  /** Folders in front of Python's module path. */
  readonly path?: readonly string[];
  /** Variables for the workers, beyond the launcher's allow-list. */
  readonly env?: Readonly<Record<string, string>>;
  /** Calls that one worker runs side by side. Default: 64. */
  readonly concurrency?: number;
  /** `"spawn"` starts each worker from nothing. Default: `"fork"`, where the preload allows it. */
  readonly startMethod?: "fork" | "spawn";
}

export interface BridgeOptions extends Partial<PoolLimits> {
  readonly python?: PythonSettings;
  /** What carries the frames. Default: `"socket"`, which is faster. */
  readonly transport?: "socket" | "grpc";
  /** Most bytes that the big binaries of one call, reply or chunk may have in all. Default: 1 GiB. */
  readonly maxValueBytes?: number;
}

const bridgeDefaults = { minWorkers: 2, maxWorkers: 10 };

const own = ["python", "transport", "maxValueBytes"];
/** The names of all options, for options that are built upon the bridge's. */
export const bridgeOptionNames: readonly string[] = [...own, ...poolLimitNames];
const pythonKeys = {
  executable: true,
  autoSetup: true,
  extras: true,
  preload: true,
  path: true,
  env: true,
  concurrency: true,
  startMethod: true,
} satisfies Record<keyof PythonSettings, true>;

/** What is the bridge's own to check; the numbers are the pool's. */
export function checkBridgeOptions(options: BridgeOptions): void {
  const problems = checkObject("the options of createBridge", options);
  if (problems.length === 0) problems.push(...checkOwn(options));
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
}

function checkOwn(options: BridgeOptions): string[] {
  const { python = {}, transport, maxValueBytes } = options;
  const notObject = checkObject("python", python);
  const problems = [
    ...checkKeys("", options, bridgeOptionNames),
    ...checkChoice("transport", transport, ["socket", "grpc"]),
    ...checkValueBytes(maxValueBytes),
    ...notObject,
  ];
  if (notObject.length > 0) return problems;
  return [
    ...problems,
    ...checkKeys("python.", python, Object.keys(pythonKeys)),
    ...checkChoice("python.startMethod", python.startMethod, ["fork", "spawn"]),
    ...checkNames("python.extras", python.extras),
    ...checkNames("python.preload", python.preload),
    ...checkNames("python.path", python.path),
    ...checkFolders("python.path", python.path),
    ...checkEnv(python.env),
    ...checkConcurrency(python.concurrency),
  ];
}

/** The options without the bridge's own, for the pool. */
export function poolOptions(options: BridgeOptions): Partial<PoolLimits> {
  const entries = Object.entries(options).filter(
    ([key, value]) => !own.includes(key) && value !== undefined,
  );
  return { ...bridgeDefaults, ...Object.fromEntries(entries) };
}

function checkObject(name: string, value: unknown): string[] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return [];
  return [`${name} must be an object, not ${JSON.stringify(value)}`];
}

function checkKeys(prefix: string, value: object, known: readonly string[]): string[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => `createBridge has no option ${prefix}${key}; known are ${known.join(", ")}`);
}

/** Named here, because Python passes over a folder that does not exist. */
function checkFolders(name: string, value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value
    .filter((folder) => typeof folder === "string" && !existsSync(folder))
    .map((folder) => `${name} names ${folder}, which does not exist (seen from ${process.cwd()})`);
}

function checkEnv(value: unknown): string[] {
  if (value === undefined) return [];
  const notObject = checkObject("python.env", value);
  if (notObject.length > 0) return notObject;
  return Object.entries(value as object)
    .filter(([, one]) => typeof one !== "string")
    .map(([key, one]) => `python.env.${key} is ${JSON.stringify(one)}, not a string`);
}

function checkChoice(name: string, value: unknown, choices: readonly string[]): string[] {
  if (value === undefined || choices.includes(value as string)) return [];
  return [`${name} is ${JSON.stringify(value)}, not ${choices.join(" or ")}`];
}

function checkNames(name: string, value: unknown): string[] {
  if (value === undefined) return [];
  const good =
    Array.isArray(value) &&
    value.every((one) => typeof one === "string" && one !== "" && !one.includes(","));
  return good ? [] : [`${name} is ${JSON.stringify(value)}, not a list of names`];
}

function checkValueBytes(value: unknown): string[] {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0)) return [];
  return [`maxValueBytes is ${String(value)}, not a whole number of bytes from 0 up`];
}

function checkConcurrency(value: unknown): string[] {
  if (value === undefined || (Number.isInteger(value) && (value as number) >= 1)) return [];
  return [`python.concurrency is ${String(value)}, not a positive integer`];
}
