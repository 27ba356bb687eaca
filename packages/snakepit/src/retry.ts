import type { Call } from "./call.ts";
import { wasKilledFromOutside } from "./crash.ts";
import { SnakepitError } from "./errors.ts";
import type { WorkerExit } from "./launcher.ts";

/** With the first one. As Temporal and others have it: more attempts rarely help and multiply the load. */
const MAX_ATTEMPTS = 3;
/**
 * For a call that somebody has killed the workers of: it is not to blame, and the delays, doubling
 * to some 13 s in all, outlast what is going on.
 */
const MAX_ATTEMPTS_OF_VICTIM = 8;
const FIRST_DELAY_MS = 100;
/** A call that so many workers have given back finds none; something else is wrong. */
const MAX_RETURNS = 16;
/** Retries may add a tenth to the load, and in any case a few per second (as Envoy's budget has it). */
const SHARE = 0.1;
const LEAST_PER_SECOND = 3;
/** So many may come at once: the calls of a few workers that die together. */
const BURST = 100;

/**
 * Decides whether a call goes to another worker after it has failed, and when. A call that no
 * worker has begun always may; one whose worker was lost only if its caller calls it idempotent.
 */
export class RetryPolicy {
  readonly #budget = new RetryBudget();

  /** On the hot path: a number goes up. */
  callEnded(): void {
    this.#budget.callEnded();
  }

  /** 0: at once. Undefined: not at all. Counts the attempt. */
  delayFor(call: Call, error: unknown, nowMs: number): number | undefined {
    if (wasReturned(error)) return call.returns++ < MAX_RETURNS ? 0 : undefined;
    if (!call.idempotent || !wasLost(error)) return undefined;
    const most = wasKilled(error) || wasCut(error) ? MAX_ATTEMPTS_OF_VICTIM : MAX_ATTEMPTS;
    if (call.attempts + 1 >= most || !this.#budget.take(nowMs)) return undefined;
    call.attempts++;
    return retryDelayMs(call.attempts);
  }
}

/** Its worker never began it. */
export function wasReturned(error: unknown): boolean {
  if (!SnakepitError.is(error)) return false;
  const { code, outcome } = error as SnakepitError<string>;
  return outcome === "not-started" && (code === "WORKER_BUSY" || code === "WORKER_EXITED");
}

/** Its worker went, or can no longer be understood. */
export function wasLost(error: unknown): boolean {
  if (!SnakepitError.is(error)) return false;
  const { code, outcome } = error as SnakepitError<string>;
  return outcome === "unknown" && lostCodes.has(code);
}
const lostCodes: ReadonlySet<string> = new Set(["WORKER_EXITED", "MEMORY_EXCEEDED", "PROTOCOL"]);

/** Its worker lives, and may come back: nobody is to blame but what lies between. */
export function wasCut(error: unknown): boolean {
  return SnakepitError.is(error, "WORKER_EXITED") && error.details.mayReturn === true;
}

/** By somebody else. */
function wasKilled(error: unknown): boolean {
  if (!SnakepitError.is(error, "WORKER_EXITED")) return false;
  const { signal, exitCode = 0, cause = "lost" } = error.details;
  const exit: WorkerExit =
    signal === undefined ? { kind: "exited", code: exitCode } : { kind: "signaled", signal };
  return wasKilledFromOutside(exit, cause);
}

/** How long to wait before the next attempt: doubling, spread over half of it. */
export function retryDelayMs(attempt: number, random: number = Math.random()): number {
  return FIRST_DELAY_MS * 2 ** (attempt - 1) * (0.75 + random / 2);
}

/**
 * Keeps retries from adding to the trouble that they answer: a bucket that each finished call and
 * each second fill a little. A value: time comes in as an argument.
 */
export class RetryBudget {
  #tokens = BURST;
  #filledMs = 0;
  /** Calls that have ended since the bucket was last filled. */
  #ended = 0;

  callEnded(): void {
    this.#ended++;
  }

  /** True when one more retry is within the budget, which it then uses. */
  take(nowMs: number): boolean {
    const perSecond = (LEAST_PER_SECOND * Math.max(0, nowMs - this.#filledMs)) / 1_000;
    this.#tokens = Math.min(BURST, this.#tokens + this.#ended * SHARE + perSecond);
    this.#filledMs = nowMs;
    this.#ended = 0;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
