import { existsSync } from "node:fs";
import { closest, poolOptionNames, poolOptionProblems, SnakepitError } from "snakepit";
import { SMALLEST_PART_BYTES } from "snakepit/wire";
import { extraProblems } from "./environment/index.ts";
import { checkListen } from "./listen-options.ts";
import {
  type BridgeOptions,
  type BridgePoolOptions,
  bridgeOptionNames,
  bridgePoolOptionNames,
} from "./options.ts";
import { defaultSizes } from "./pool-plans.ts";
import { PythonAdapter } from "./python-adapter.ts";

type Check = (name: string, value: unknown) => string[];

const pythonChecks = {
  executable: checkText,
  autoSetup: checkTruth,
  extras: checkExtras,
  preload: checkNames,
  path: checkFolders,
  env: checkEnv,
  concurrency: checkCount,
  startMethod: (name, value) => checkChoice(name, value, ["fork", "spawn"]),
  threads: checkCount,
  seed: checkSeed,
  unknownObjects: (name, value) => checkChoice(name, value, ["error", "placeholder", "ref"]),
} satisfies Record<keyof NonNullable<BridgeOptions["python"]>, Check>;

/** @throws SnakepitError INVALID_OPTIONS with every problem at once, those of the pools included */
export function checkBridgeOptions(options: BridgeOptions): void {
  const problems = checkObject("the options of createBridge", options);
  if (problems.length === 0) problems.push(...checkAll(options));
  if (problems.length === 0) return;
  throw new SnakepitError("INVALID_OPTIONS", problems.join("; "), { outcome: "not-started" });
}

function checkAll(options: BridgeOptions): string[] {
  const { pools } = options;
  return [
    ...checkKeys("createBridge has no option ", options, bridgeOptionNames),
    ...checkOwn("", options),
    ...checkRoute(options),
    ...(pools === undefined ? [] : checkPools(options, pools)),
    ...checkForPool(options),
  ];
}

function checkPools(options: BridgeOptions, pools: unknown): string[] {
  const notObject = checkObject("pools", pools);
  if (notObject.length > 0) return notObject;
  const entries = Object.entries(pools as object);
  if (entries.length === 0) return ["pools must name at least one pool, as { general: {} }"];
  return [
    ...(options.name === undefined
      ? []
      : ["name cannot be set beside pools, which have the names of their keys"]),
    ...entries.flatMap(([name, pool]) => checkPool(`pools.${name}`, pool, options.transport)),
    ...checkOwners(entries),
    ...checkPorts(options, entries),
  ];
}

/** Each pool listens for itself. */
function checkPorts(shared: BridgeOptions, pools: readonly (readonly [string, unknown])[]) {
  const owners = new Map<number, string[]>();
  for (const [name, pool] of pools) {
    const { transport, listen } = isObject(pool) ? (pool as BridgePoolOptions) : {};
    if ((transport ?? shared.transport) !== "grpc") continue;
    const { port } = (listen ?? shared.listen ?? {}) as { readonly port?: unknown };
    if (typeof port !== "number" || port === 0) continue;
    owners.set(port, [...(owners.get(port) ?? []), name]);
  }
  return [...owners]
    .filter(([, names]) => names.length > 1)
    .map(
      ([port, names]) =>
        `listen.port ${port} cannot be that of the pools ${names.join(" and ")} at once; give each a listen of its own, or leave out the port`,
    );
}

function checkPool(name: string, pool: unknown, sharedTransport: unknown): string[] {
  const notObject = checkObject(name, pool);
  if (notObject.length > 0) return notObject;
  const { commands, transport = sharedTransport } = pool as Readonly<Record<string, unknown>>;
  return [
    ...checkKeys(`${name} has no option `, pool as object, bridgePoolOptionNames),
    ...checkOwn(`${name}.`, { ...(pool as object), transport }),
    ...checkCommands(`${name}.commands`, commands),
  ];
}

function checkCommands(name: string, commands: unknown): string[] {
  const problems = checkNames(name, commands);
  if (problems.length > 0 || !Array.isArray(commands)) return problems;
  return commands
    .filter((command: string) => command.slice(0, -1).includes("*"))
    .map(
      (command: string) =>
        `${name} has ${shown(command)}, which matches no command; a * stands for any end, as in "vision.*"`,
    );
}

/** The second of two would never get one. */
function checkOwners(pools: readonly (readonly [string, unknown])[]): string[] {
  const owners = new Map<string, string[]>();
  for (const [name, pool] of pools) {
    const { commands } = isObject(pool) ? (pool as BridgePoolOptions) : {};
    if (!Array.isArray(commands)) continue;
    for (const command of new Set<string>(commands))
      owners.set(command, [...(owners.get(command) ?? []), name]);
  }
  return [...owners]
    .filter(([, names]) => names.length > 1)
    .map(
      ([command, names]) =>
        `commands ${shown(command)} cannot go to the pools ${names.join(" and ")} at once; name them in one`,
    );
}

function checkOwn(
  prefix: string,
  {
    python,
    transport,
    listen,
    maxValueBytes,
  }: {
    readonly python?: unknown;
    readonly transport?: unknown;
    readonly listen?: unknown;
    readonly maxValueBytes?: unknown;
  },
): string[] {
  const problems = [
    ...checkChoice(`${prefix}transport`, transport, ["socket", "grpc"]),
    ...checkListen(listen, transport).map((problem) => `${prefix}${problem}`),
    ...checkValueBytes(`${prefix}maxValueBytes`, maxValueBytes),
  ];
  if (python === undefined) return problems;
  const name = `${prefix}python`;
  const notObject = checkObject(name, python);
  if (notObject.length > 0) return [...problems, ...notObject];
  return [
    ...problems,
    ...checkKeys(
      `createBridge has no option ${name}.`,
      python as object,
      Object.keys(pythonChecks),
    ),
    ...Object.entries(pythonChecks as Record<string, Check>).flatMap(([key, check]) =>
      check(`${name}.${key}`, (python as Record<string, unknown>)[key]),
    ),
  ];
}

function checkRoute({ pools, route }: BridgeOptions): string[] {
  if (route === undefined) return [];
  if (typeof route !== "function") return [`route is ${shown(route)}, not a function`];
  return pools === undefined ? ["route needs pools between which it can choose"] : [];
}

/** What a pool has to say of all that is not the bridge's own. */
function checkForPool({ pools, store, maxSessions, ...shared }: BridgeOptions): string[] {
  if (pools === undefined) return poolProblems({ ...shared, store, maxSessions });
  const { name, ...each } = shared;
  const entries = isObject(pools) ? Object.entries(pools) : [];
  return [
    ...poolProblems({ store, maxSessions }),
    ...entries.flatMap(([name, own]) =>
      poolProblems({ ...each, ...own }).map((problem) => `pools.${name}: ${problem}`),
    ),
  ];
}

function poolProblems(options: Readonly<Record<string, unknown>>): string[] {
  const known = bridgeOptionNames.filter((name) => poolOptionNames.includes(name));
  const given = Object.entries(options).filter(
    ([name, value]) => known.includes(name) && value !== undefined,
  );
  const own = Object.fromEntries(given);
  // Any good one: it is the bridge that makes the real ones.
  const adapter = new PythonAdapter({}, "socket");
  return poolOptionProblems({ ...defaultSizes(own), ...own, adapter });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkObject(name: string, value: unknown): string[] {
  if (isObject(value)) return [];
  return [`${name} must be an object, not ${shown(value)}`];
}

function checkKeys(sentence: string, value: object, known: readonly string[]): string[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => `${sentence}${key}; ${helpWith(key, value, known)}`);
}

/** An option of Python that stands beside `python` is what it is, and not nearly another one. */
function helpWith(key: string, options: object, known: readonly string[]): string {
  if (known.includes("python") && Object.hasOwn(pythonChecks, key)) {
    const value = (options as Readonly<Record<string, unknown>>)[key];
    const given = typeof value === "boolean" || typeof value === "number" ? value : "…";
    return `it belongs to Python: python: { ${key}: ${given} }`;
  }
  const match = closest(key, known);
  return match === undefined ? `known are ${known.join(", ")}` : `meant ${match}?`;
}

function checkText(name: string, value: unknown): string[] {
  if (value === undefined || (typeof value === "string" && value !== "")) return [];
  return [`${name} is ${shown(value)}, not a path or the name of a program`];
}

function checkTruth(name: string, value: unknown): string[] {
  if (value === undefined || typeof value === "boolean") return [];
  return [`${name} is ${shown(value)}, not true or false`];
}

function checkExtras(name: string, value: unknown): string[] {
  const problems = checkNames(name, value);
  if (problems.length > 0 || !Array.isArray(value)) return problems;
  return extraProblems(value).map((problem) => `${name}: ${problem}`);
}

/** Each is looked for, because Python passes over a folder that does not exist. */
function checkFolders(name: string, value: unknown): string[] {
  const problems = checkNames(name, value);
  if (problems.length > 0 || !Array.isArray(value)) return problems;
  return value
    .filter((folder: string) => !existsSync(folder))
    .map((folder) => `${name} names ${folder}, which does not exist (seen from ${process.cwd()})`);
}

function checkEnv(name: string, value: unknown): string[] {
  if (value === undefined) return [];
  const notObject = checkObject(name, value);
  if (notObject.length > 0) return notObject;
  return Object.entries(value as object)
    .filter(([, one]) => one !== undefined && typeof one !== "string")
    .map(([key, one]) => `${name}.${key} is ${shown(one)}, not a string`);
}

function checkValueBytes(name: string, value: unknown): string[] {
  const good = Number.isSafeInteger(value) && (value as number) >= SMALLEST_PART_BYTES;
  if (value === undefined || good) return [];
  return [
    `${name} is ${shown(value)}, not a whole number of bytes from ${SMALLEST_PART_BYTES} to 2^53 - 1`,
  ];
}

function checkChoice(name: string, value: unknown, choices: readonly string[]): string[] {
  if (value === undefined || choices.includes(value as string)) return [];
  return [`${name} is ${shown(value)}, not ${choices.join(" or ")}`];
}

function checkNames(name: string, value: unknown): string[] {
  if (value === undefined) return [];
  const good =
    Array.isArray(value) &&
    value.every((one) => typeof one === "string" && one !== "" && !one.includes(","));
  return good ? [] : [`${name} is ${shown(value)}, not a list of names`];
}

function checkCount(name: string, value: unknown): string[] {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 1)) return [];
  return [`${name} is ${shown(value)}, not a positive integer`];
}

function checkSeed(name: string, value: unknown): string[] {
  if (value === undefined || Number.isSafeInteger(value)) return [];
  return [`${name} is ${shown(value)}, not an integer`];
}

function shown(value: unknown): string {
  if (typeof value === "function") return "a function";
  return typeof value === "bigint" || typeof value === "number"
    ? String(value)
    : (JSON.stringify(value) ?? String(value));
}
