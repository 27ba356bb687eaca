import type { CommandSpec } from "../adapter.ts";
import { callback, checkKnownKeys, type Kind, show } from "../check-options.ts";

const positive: Kind = {
  expected: "a positive number of milliseconds, or Infinity",
  is: (value) => typeof value === "number" && value > 0,
};

const members: Readonly<Record<keyof CommandSpec, Kind>> = {
  validate: callback,
  prepare: callback,
  transform: callback,
  timeoutMs: positive,
};

/** Every problem of the option `commands`, each with the name of its command. */
export function checkCommands(commands: unknown): string[] {
  if (commands === undefined) return [];
  if (!isObject(commands)) return [`commands must be an object, not ${show(commands)}`];
  return Object.entries(commands).flatMap(([name, spec]) => {
    const owner = `commands[${show(name)}]`;
    if (!isObject(spec)) return [`${owner} must be an object, not ${show(spec)}`];
    return [
      ...checkKnownKeys(owner, spec, Object.keys(members)),
      ...Object.entries(members).flatMap(([member, kind]) => {
        const value = spec[member];
        if (value === undefined || kind.is(value)) return [];
        return [`${owner}.${member} must be ${kind.expected}, not ${show(value)}`];
      }),
    ];
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
