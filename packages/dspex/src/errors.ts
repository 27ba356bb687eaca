import {
  type ErrorCode,
  type ModelSettings,
  type Outcome,
  SnakepitError,
} from "snakepit-grpc-bridge";
import { keyVariablesOf } from "./provider-keys.ts";

const dspexErrorCodes = [
  "MODEL_NOT_CONFIGURED",
  "MODEL_UNREACHABLE",
  "MODEL_AUTH",
  "MODEL_RATE_LIMITED",
  "MODEL_REFUSED",
  "CONTEXT_TOO_LONG",
  "OUTPUT_INVALID",
  "SIGNATURE_INVALID",
  "PROGRAM_MISMATCH",
  "OPTIMIZER_FAILED",
  "BUDGET_EXCEEDED",
] as const;

/** What can fail because of models, prompts and programs. Closed: a `switch` over it is complete. */
export type DspexErrorCode = (typeof dspexErrorCodes)[number];

/** What `details` of a `DspexError` may hold. Nothing in it is secret. */
export interface DspexErrorDetails {
  /** As the program names it: `"openai/gpt-5-mini"`. */
  readonly model?: string;
  /** Where the model was asked, without user, password and query. */
  readonly endpoint?: string;
  /** When the provider said so. */
  readonly retryAfterMs?: number;
  /** `OUTPUT_INVALID`: which output, which type it should have, and what came. */
  readonly field?: string;
  readonly expected?: string;
  readonly received?: string;
}

export interface DspexErrorOptions {
  readonly cause?: unknown;
  /** Default: `"failed"`. */
  readonly outcome?: Outcome;
  readonly details?: DspexErrorDetails & Readonly<Record<string, unknown>>;
}

const brand = Symbol.for("dspex.error");

/**
 * A failure that has to do with models, prompts or programs. Everything else that a call may reject
 * with is a plain `SnakepitError`: `TIMEOUT`, `INVALID_ARGUMENT`, `WORKER_EXITED`, …
 */
export class DspexError<Code extends DspexErrorCode = DspexErrorCode> extends SnakepitError<Code> {
  override readonly name: string = "DspexError";

  constructor(code: Code, message: string, options: DspexErrorOptions = {}) {
    super(code, message, options as ConstructorParameters<typeof SnakepitError<Code>>[2]);
    Object.defineProperty(this, brand, { value: true });
  }

  /**
   * Recognises errors of any installed version, and narrows to one code: one of this class's, or
   * one of `SnakepitError`'s. Without a code it recognises errors of this class alone.
   */
  static override is<Code extends DspexErrorCode>(
    error: unknown,
    code: Code,
  ): error is DspexError<Code> & { readonly details: DspexErrorDetails };
  static override is<Code extends ErrorCode>(
    error: unknown,
    code: Code,
  ): error is SnakepitError<Code>;
  // biome-ignore lint/suspicious/noExplicitAny: TypeScript wants what `SnakepitError.is` promises, its own codes
  static override is(error: unknown): error is DspexError<any>;
  static override is(error: unknown, code?: string): boolean {
    if (typeof error !== "object" || error === null) return false;
    if (code === undefined) return brand in error;
    return SnakepitError.is(error) && (error.code as string) === code;
  }
}

const codes: ReadonlySet<string> = new Set(dspexErrorCodes);

/**
 * What the caller is told about a failed call. Python reports the model's failures as `REMOTE` with
 * the code in `details`; they become a `DspexError` that names the model, the endpoint and the fix.
 * Whatever the failure, the key that travelled with the call is in none of its texts.
 */
export function callError(error: unknown, settings: ModelSettings): unknown {
  const clean = withoutSecret(error, settings.apiKey);
  if (!SnakepitError.is(clean, "REMOTE")) return clean;
  const { code, type, message, traceback, workerId, ...rest } = clean.details as Readonly<
    Record<string, unknown>
  >;
  if (!isModelCode(code)) return clean;
  const endpoint = textOr(rest["endpoint"], settings.apiBase);
  const details: DspexErrorDetails & Record<string, unknown> = {
    ...rest,
    model: textOr(rest["model"], settings.model) ?? settings.model,
    ...(endpoint === undefined ? {} : { endpoint: withoutCredentials(endpoint) }),
  };
  const said = typeof message === "string" && message !== "" ? message : clean.message;
  const text = `${said}${namedBut(said, details)}${advice(code, details.model ?? settings.model)}`;
  return new DspexError(code, text, { cause: clean, outcome: clean.outcome, details });
}

/** Python's message ends with what to do; this adds what only this side knows. */
function advice(code: DspexErrorCode, model: string): string {
  if (code === "MODEL_UNREACHABLE")
    return "; the address is the setting apiBase, or DSPEX_API_BASE";
  if (code !== "MODEL_AUTH") return "";
  return `; the key is the setting apiKey, else DSPEX_API_KEY, else ${keyVariablesOf(model).join(", else ")}`;
}

/** The address without what may be secret: user, password, query and fragment. */
export function withoutCredentials(address: string): string {
  try {
    const { protocol, host, pathname } = new URL(address);
    return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
  } catch {
    return "(not a valid address)";
  }
}

function isModelCode(code: unknown): code is DspexErrorCode {
  return typeof code === "string" && codes.has(code);
}

/** `" (openai/x at http://…)"` with what the message does not mention itself. */
function namedBut(said: string, { model, endpoint }: DspexErrorDetails): string {
  const missing = [
    ...(model !== undefined && !said.includes(model) ? [`model ${model}`] : []),
    ...(endpoint !== undefined && !said.includes(endpoint) ? [`at ${endpoint}`] : []),
  ];
  return missing.length === 0 ? "" : ` (${missing.join(" ")})`;
}

function textOr(value: unknown, fallback: string | undefined): string | undefined {
  return typeof value === "string" ? value : fallback;
}

/**
 * The error itself when it does not hold the key, otherwise a copy without it. A copy has no cause,
 * because a cause may hold the key in places that nobody can list.
 */
function withoutSecret(error: unknown, secret: string | undefined): unknown {
  if (secret === undefined || secret === "" || !SnakepitError.is(error)) return error;
  const details = redacted(error.details, secret);
  const found =
    details !== error.details ||
    error.message.includes(secret) ||
    (error.cause !== undefined && holds(error.cause, secret));
  if (!found) return error;
  const message = error.message.replace(`[${error.code}] `, "").replaceAll(secret, "[redacted]");
  return new SnakepitError<string>(error.code, message, {
    outcome: error.outcome,
    details: details as Readonly<Record<string, unknown>>,
  });
}

function holds(cause: unknown, secret: string): boolean {
  return cause instanceof Error
    ? cause.message.includes(secret) || holds(cause.cause, secret)
    : String(cause).includes(secret);
}

/** The value itself when the secret is not in it, otherwise a copy without it. */
function redacted(value: unknown, secret: string): unknown {
  if (typeof value === "string") {
    return value.includes(secret) ? value.replaceAll(secret, "[redacted]") : value;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const clean = entries.map(([key, item]) => [key, redacted(item, secret)] as const);
  if (clean.every(([, item], index) => item === entries[index]?.[1])) return value;
  return Array.isArray(value) ? clean.map(([, item]) => item) : Object.fromEntries(clean);
}
