import type { Capabilities } from "../adapter.ts";
import { show } from "../check-options.ts";
import type { Message } from "./framing.ts";

/** What a `ready` says; whatever is missing or null takes its default. */
export interface Ready {
  readonly capabilities: Capabilities;
  /** Whether the worker reads arrays of messages. */
  readonly batch: boolean;
}

/** `wanted`: the calls at once that the host's own options allow. */
export function readyOf(message: Message, wanted: number | undefined): Ready {
  const { concurrency, commands, batch, health_checks } = message;
  return {
    capabilities: {
      // Two opinions: never more than either allows.
      concurrency: Math.min(
        (concurrency as number | undefined) ?? wanted ?? 1,
        wanted ?? Number.POSITIVE_INFINITY,
      ),
      commands: commands == null ? "any" : new Set(commands as readonly string[]),
      ...(health_checks === "always" ? { pingsWhileBusy: true } : {}),
    },
    batch: batch === true,
  };
}

/**
 * What is wrong with a `ready`, if anything. The pid may be another one than the launcher's: the
 * program may be a wrapper that has started the worker. The worker's id may not: whoever says
 * another one has been started by somebody else.
 */
export function handshakeProblem(message: Message, workerId: string): string | undefined {
  for (const { name, is, expected } of rules) {
    const value = message[name];
    if (value != null && !is(value)) {
      return `said ready with ${name}: ${show(value)}; ${expected}`;
    }
  }
  const id = message["worker_id"];
  if (id == null || id === workerId) return undefined;
  return `said ready as worker ${show(id)}; its SNAKEPIT_WORKER_ID is ${workerId}`;
}

const isPositive = (value: unknown) => Number.isSafeInteger(value) && Number(value) > 0;

const rules: readonly {
  readonly name: string;
  readonly expected: string;
  is(value: unknown): boolean;
}[] = [
  { name: "pid", is: isPositive, expected: "a process id is an integer of at least 1" },
  { name: "concurrency", is: isPositive, expected: "an integer of at least 1 is allowed" },
  {
    name: "commands",
    is: (value) => Array.isArray(value) && value.every((name) => typeof name === "string"),
    expected: "an array of strings is allowed",
  },
  {
    name: "batch",
    is: (value) => typeof value === "boolean",
    expected: "true or false is allowed",
  },
];
