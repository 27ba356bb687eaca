import type { Adapter, CommandSpec } from "./adapter.ts";
import { callback, closest, type Kind, objectMap, show, text } from "./check-options.ts";
import { SnakepitError } from "./errors.ts";
import type { Launcher } from "./launcher.ts";

// Typed by the interfaces' own keys: a member that is added there must be added here.
const adapterKinds: Record<keyof Adapter, Kind> = {
  name: text,
  spec: callback,
  connect: callback,
  launcher: objectMap,
  open: callback,
  close: callback,
  startAdvice: callback,
  commands: objectMap,
};
const launcherKinds: Record<keyof Launcher, Kind> = {
  name: text,
  launch: callback,
  close: callback,
  guards: callback,
};
const duration: Kind = {
  expected: "a positive number of milliseconds (Infinity for none)",
  is: (value) => typeof value === "number" && value > 0,
};
const commandKinds: Record<keyof CommandSpec, Kind> = {
  validate: callback,
  prepare: callback,
  transform: callback,
  timeoutMs: duration,
};

/**
 * Makes sure that something is an `Adapter`, as `createPool` does.
 * @throws SnakepitError INVALID_OPTIONS, with every member that is missing, wrong or misspelt
 */
export function validateAdapter(adapter: unknown): asserts adapter is Adapter {
  const problems = adapterProblems(adapter);
  if (problems.length > 0) throw new SnakepitError("INVALID_OPTIONS", problems.join("; "));
}

/** What keeps this from being an adapter, one sentence each; none if it is one. */
export function adapterProblems(adapter: unknown): string[] {
  if (!objectMap.is(adapter)) return [`adapter must be an Adapter, not ${show(adapter)}`];
  const { launcher, commands } = adapter as Partial<Adapter>;
  return [
    ...checkMembers("adapter", adapter, adapterKinds, ["name", "spec", "connect"]),
    ...misspelt(adapter as object),
    ...(objectMap.is(launcher)
      ? checkMembers("adapter.launcher", launcher, launcherKinds, ["name", "launch"])
      : []),
    ...(objectMap.is(commands) ? Object.entries(commands as object).flatMap(checkCommand) : []),
  ];
}

function checkCommand([command, spec]: [string, unknown]): string[] {
  const owner = `adapter.commands[${show(command)}]`;
  if (!objectMap.is(spec)) return [`${owner} must be an object, not ${show(spec)}`];
  const known = Object.keys(commandKinds);
  const unknown = Object.keys(spec as object)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const match = closest(key, known);
      const help = match === undefined ? `known are ${known.join(", ")}` : `meant ${match}?`;
      return `${owner} has no option ${show(key)}; ${help}`;
    });
  return [...checkMembers(owner, spec, commandKinds, []), ...unknown];
}

function checkMembers(
  owner: string,
  value: unknown,
  kinds: Readonly<Record<string, Kind>>,
  required: readonly string[],
): string[] {
  const members = value as Readonly<Record<string, unknown>>;
  return Object.entries(kinds).flatMap(([name, kind]) => {
    const member = members[name];
    if (member === undefined) return required.includes(name) ? [`${owner} lacks ${name}`] : [];
    return kind.is(member)
      ? []
      : [`${owner}.${name} must be ${kind.expected}, not ${show(member)}`];
  });
}

/**
 * An adapter may have members of its own. One that is nearly the name of a member which is absent,
 * and of its kind, is a typing mistake.
 */
function misspelt(adapter: object): string[] {
  const members = adapter as Readonly<Record<string, unknown>>;
  const absent = (Object.keys(adapterKinds) as (keyof Adapter)[]).filter(
    (name) => members[name] === undefined,
  );
  return memberNames(adapter).flatMap((key) => {
    if (Object.hasOwn(adapterKinds, key)) return [];
    const match = closest(key, absent) as keyof Adapter | undefined;
    if (match === undefined || !adapterKinds[match].is(members[key])) return [];
    return [`adapter.${key} is no member of an Adapter; meant ${match}?`];
  });
}

/** Its own and those of its classes. */
function memberNames(value: object): string[] {
  const names = new Set<string>();
  for (
    let level: object | null = value;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level)
  ) {
    for (const name of Object.getOwnPropertyNames(level)) names.add(name);
  }
  names.delete("constructor");
  return [...names];
}
