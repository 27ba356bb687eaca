import type { CrashCause } from "./crash.ts";
import type { WorkerNote } from "./worker-history.ts";

/** Every way in which a call, a start or an option can fail. Closed: a `switch` over it is complete. */
export const errorCodes = [
  "INVALID_OPTIONS",
  "INVALID_ARGUMENT",
  "UNKNOWN_COMMAND",
  "UNKNOWN_POOL",
  "QUEUE_FULL",
  "QUEUE_TIMEOUT",
  "TIMEOUT",
  "CANCELLED",
  "POOL_CLOSED",
  "POOL_DEGRADED",
  "WORKER_START_FAILED",
  "WORKER_EXITED",
  "WORKER_BUSY",
  "MEMORY_EXCEEDED",
  "SESSION_NOT_FOUND",
  "SESSION_LOST",
  "QUOTA_EXCEEDED",
  "VERSION_CONFLICT",
  "VALUE_TOO_LARGE",
  "STORE_UNAVAILABLE",
  "UNSUPPORTED",
  "NOT_ALLOWED",
  "NOT_FOUND",
  "SERIALIZATION",
  "REMOTE",
  "PROTOCOL",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/**
 * What is known of the work behind a failed call: no worker began it, it ran and failed, or nobody
 * can say (the worker died, or the caller stopped waiting).
 */
export type Outcome = "not-started" | "failed" | "unknown";

/** Why a worker did not become ready. `details.reason` of `WORKER_START_FAILED`. */
export type StartFailure =
  | "not-found"
  | "exited"
  | "timeout"
  | "bad-handshake"
  | "adapter-open"
  | "warm-up";

/** What `details` holds, for the codes that carry something a program may act on. */
export interface ErrorDetails {
  QUEUE_FULL: { readonly retryAfterMs: number; readonly queued: number; readonly workers: number };
  POOL_DEGRADED: {
    /** Workers die as they start, or calls kill them. */
    readonly reason: "crash-loop" | "circuit-open";
    readonly retryAfterMs: number;
    readonly stderr: string;
  };
  WORKER_BUSY: { readonly workers: number };
  MEMORY_EXCEEDED: {
    readonly workerId: string;
    readonly bytes: number;
    readonly limitBytes: number;
  };
  SESSION_NOT_FOUND: { readonly sessionId: string };
  QUOTA_EXCEEDED: {
    readonly what: "sessions" | "records";
    readonly limit: number;
    /** Whose records. */
    readonly sessionId?: string;
  };
  VERSION_CONFLICT: {
    /** Of the record or the session. */
    readonly name: string;
    readonly expected: number;
    /** 0: there is none. */
    readonly current: number;
  };
  STORE_UNAVAILABLE: { readonly store: string };
  SESSION_LOST: { readonly sessionId: string; readonly workerId: string };
  TIMEOUT: { readonly timeoutMs: number };
  QUEUE_TIMEOUT: { readonly timeoutMs: number };
  WORKER_START_FAILED: {
    readonly reason: StartFailure;
    readonly exitCode?: number;
    readonly signal?: string;
    readonly stderr: string;
  };
  WORKER_EXITED: {
    readonly workerId: string;
    readonly exitCode?: number;
    readonly signal?: string;
    /** What it died of, as far as can be told. */
    readonly cause?: CrashCause;
    readonly stderr: string;
    /** It lives, as far as is known: only its connection was lost, and it may dial in again. */
    readonly mayReturn?: true;
    /** What happened to it before, oldest first. */
    readonly history?: readonly WorkerNote[];
  };
  VALUE_TOO_LARGE: { readonly bytes: number; readonly limitBytes: number };
  SERIALIZATION: { readonly path: string; readonly type: string };
  REMOTE: {
    readonly type: string;
    readonly message: string;
    readonly traceback?: string;
    readonly workerId?: string;
  };
}

type DetailsOf<Code extends ErrorCode> = Code extends keyof ErrorDetails
  ? ErrorDetails[Code]
  : Readonly<Record<string, unknown>>;

export interface SnakepitErrorOptions<Code extends string = ErrorCode> {
  readonly cause?: unknown;
  /** Default: `"failed"`, and `"not-started"` for INVALID_OPTIONS. */
  readonly outcome?: Outcome;
  readonly details?: Code extends ErrorCode ? DetailsOf<Code> : Readonly<Record<string, unknown>>;
}

const brand = Symbol.for("snakepit.error");

/**
 * The one error class of this package. The message starts with the code, because developer tools
 * often show nothing else, and says what happened, with which value, and what to try.
 */
export class SnakepitError<Code extends string = ErrorCode> extends Error {
  override readonly name: string = "SnakepitError";
  readonly code: Code;
  readonly outcome: Outcome;
  readonly details: Code extends ErrorCode ? DetailsOf<Code> : Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, options: SnakepitErrorOptions<Code> = {}) {
    super(`[${code}] ${message}`, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.outcome = options.outcome ?? (code === "INVALID_OPTIONS" ? "not-started" : "failed");
    this.details = (options.details ?? {}) as typeof this.details;
    Object.defineProperty(this, brand, { value: true });
  }

  /** No worker began the call, so sending it again cannot do the work (or spend the money) twice. */
  get retryable(): boolean {
    return this.outcome === "not-started";
  }

  /** Recognises errors of any installed version of this package, and narrows to one code. */
  static is<Code extends ErrorCode>(error: unknown, code: Code): error is SnakepitError<Code>;
  static is(error: unknown): error is SnakepitError;
  static is(error: unknown, code?: string): boolean {
    if (typeof error !== "object" || error === null || !(brand in error)) return false;
    return code === undefined || (error as { code?: unknown }).code === code;
  }
}

/** What was given cannot be used; nothing was begun. */
export function invalidArgument(text: string): SnakepitError<"INVALID_ARGUMENT"> {
  return new SnakepitError("INVALID_ARGUMENT", text, { outcome: "not-started" });
}
