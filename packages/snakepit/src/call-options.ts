import { checkKinds, checkKnownKeys, type Kind, show, truth } from "./check-options.ts";
import { invalidArgument } from "./errors.ts";
import { checkTimeout } from "./options.ts";
import type { CallOptions } from "./pool.ts";
import { affinityKind } from "./session-settings.ts";
import { idPattern } from "./store/check-arguments.ts";

/** Of a call that was given none; nothing of it needs to be looked at. */
export const noCallOptions: CallOptions = {};

const known: readonly (keyof CallOptions)[] = [
  "signal",
  "timeoutMs",
  "queueTimeoutMs",
  "affinity",
  "idempotent",
  "correlationId",
];

/** @throws SnakepitError INVALID_ARGUMENT with every problem at once */
export function checkCallOptions(options: CallOptions, inSession: boolean): void {
  if (isPlain(options)) return; // without an array or a string, as nearly all of them are
  const problems = [
    ...checkKnownKeys("call options", options, known),
    ...checkKinds(options, {
      affinity: affinityKind,
      idempotent: truth,
      correlationId: idKind,
    }),
    ...checkTimes(options),
    ...(isSignal(options?.signal)
      ? []
      : [`signal must be an AbortSignal, not ${show(options.signal)}; pass controller.signal`]),
  ];
  if (!inSession && options?.affinity !== undefined && options.affinity !== "none")
    problems.push(
      `affinity ${show(options.affinity)} needs a session; call session.execute() of pool.session()`,
    );
  if (problems.length === 0) return;
  throw invalidArgument(problems.join("; "));
}

const idKind: Kind = {
  expected: "1 to 200 of the characters A-Z a-z 0-9 . _ : -",
  is: (value) => typeof value === "string" && idPattern.test(value),
};

/** Only a signal and a good time limit. */
function isPlain(options: CallOptions): boolean {
  if (typeof options !== "object" || options === null) return false;
  for (const key in options) if (key !== "signal" && key !== "timeoutMs") return false;
  const { timeoutMs, signal } = options;
  if (!isSignal(signal)) return false;
  return timeoutMs === undefined || (typeof timeoutMs === "number" && timeoutMs > 0);
}

function isSignal(signal: unknown): boolean {
  if (signal === undefined) return true;
  return typeof (signal as Partial<AbortSignal> | null)?.throwIfAborted === "function";
}

/** Of `close` and `restart`. @throws SnakepitError INVALID_ARGUMENT */
export function checkGrace(
  name: string,
  options: { readonly graceMs?: number; readonly force?: boolean },
  known: readonly string[],
): void {
  const problems = [
    ...checkKnownKeys(name, options, known),
    ...checkKinds(options, { graceMs: graceKind, force: truth }),
  ];
  if (problems.length === 0) return;
  throw invalidArgument(problems.join("; "));
}

const graceKind: Kind = {
  expected: "a number of milliseconds, 0 or more",
  is: (value) => typeof value === "number" && value >= 0,
};

function checkTimes(options: CallOptions): string[] {
  const { timeoutMs, queueTimeoutMs } = options ?? {};
  return [
    ...(timeoutMs === undefined ? [] : checkTimeout("timeoutMs", timeoutMs)),
    // 0 means: not at all.
    ...(queueTimeoutMs === undefined || queueTimeoutMs === 0
      ? []
      : checkTimeout("queueTimeoutMs", queueTimeoutMs)),
  ];
}
