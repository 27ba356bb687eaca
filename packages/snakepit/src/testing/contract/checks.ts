import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { inspect, isDeepStrictEqual } from "node:util";
import { show } from "../../check-options.ts";
import { type ErrorCode, type Outcome, SnakepitError } from "../../errors.ts";
import { holding } from "../../hold.ts";

/** Every wait of the contract ends: a promise that never settles is a finding, with a name. */
export async function within<Value>(
  limitMs: number,
  what: string,
  promise: PromiseLike<Value>,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const text = `${what}: nothing happened within ${limitMs} ms`;
    timer = setTimeout(() => reject(new assert.AssertionError({ message: text })), limitMs);
  });
  try {
    return await holding(Promise.race([promise, late]));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The same plain data. A map without a prototype is as good as an object: what an adapter decodes
 * need not be made by this realm's `Object`.
 */
export function assertSame(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(structuredClone(actual), structuredClone(expected))) return;
  assert.fail(`${what}: got ${brief(actual)}, not ${brief(expected)}`);
}

/** What a promise was rejected with, which has to be a `SnakepitError` of that code. */
export async function refusedWith(
  code: ErrorCode,
  promise: PromiseLike<unknown>,
  what: string,
): Promise<SnakepitError> {
  const error = await rejectionOf(promise, what);
  assert.ok(
    SnakepitError.is(error),
    `${what} must fail with a SnakepitError ${code}, not ${describe(error)}`,
  );
  assert.equal(error.code, code, `${what} must fail with ${code}: ${error.message}`);
  return error;
}

export function assertOutcome(error: SnakepitError, ...allowed: readonly Outcome[]): void {
  const text = `the outcome must be ${allowed.join(" or ")}, not ${error.outcome}: ${error.message}`;
  assert.ok(allowed.includes(error.outcome), text);
}

export async function rejectionOf(promise: PromiseLike<unknown>, what: string): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  return assert.fail(`${what} must fail, but gave ${show(value)}`);
}

function brief(value: unknown): string {
  const text = inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY });
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : show(error);
}

/** Until no process has this number any more. A worker that has none lives elsewhere. */
export async function untilGone(pid: number | undefined, limitMs: number): Promise<void> {
  if (pid === undefined) return;
  const endMs = performance.now() + limitMs;
  while (exists(pid)) {
    assert.ok(performance.now() < endMs, `process ${pid} still runs after ${limitMs} ms`);
    await delay(5);
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // there is no such process
  }
}
