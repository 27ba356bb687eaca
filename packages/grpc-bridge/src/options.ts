import { type PoolLimits, SnakepitError } from "snakepit";

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
}

const bridgeDefaults = { minWorkers: 2, maxWorkers: 10 };

const own = ["python", "transport"];
const pythonKeys = [
  "executable",
  "autoSetup",
  "extras",
  "preload",
  "path",
  "env",
  "concurrency",
  "startMethod",
];

/** What is the bridge's own to check; the numbers are the pool's. */
export function checkBridgeOptions(options: BridgeOptions): void {
  const { python = {}, transport } = options;
  const unknown = Object.keys(python).filter((key) => !pythonKeys.includes(key));
  const problems = [
    ...unknown.map((key) => `python.${key} is no option; known are ${pythonKeys.join(", ")}`),
    ...checkChoice("transport", transport, ["socket", "grpc"]),
    ...checkChoice("python.startMethod", python.startMethod, ["fork", "spawn"]),
    ...checkNames("python.extras", python.extras),
    ...checkNames("python.preload", python.preload),
    ...checkNames("python.path", python.path),
    ...checkConcurrency(python.concurrency),
  ];
  if (problems.length === 0) return;
  throw new SnakepitError("INVALID_OPTIONS", problems.join("; "), { outcome: "not-started" });
}

/** The options without the bridge's own, for the pool. */
export function poolOptions(options: BridgeOptions): Partial<PoolLimits> {
  const entries = Object.entries(options).filter(
    ([key, value]) => !own.includes(key) && value !== undefined,
  );
  return { ...bridgeDefaults, ...Object.fromEntries(entries) };
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

function checkConcurrency(value: unknown): string[] {
  if (value === undefined || (Number.isInteger(value) && (value as number) >= 1)) return [];
  return [`python.concurrency is ${String(value)}, not a positive integer`];
}
