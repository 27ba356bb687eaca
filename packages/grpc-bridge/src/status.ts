import { Metadata, status as Status, type StatusObject } from "@grpc/grpc-js";
import { type ErrorCode, type Outcome, SnakepitError } from "snakepit";
import { wordsOf } from "./error-words.ts";
import { ErrorDetail } from "./gen/snakepit_bridge/v1/bridge.ts";

/** Beside the status, an `ErrorDetail`: what a status has no room for. */
const DETAIL_KEY = "snakepit-error-bin";
/** gRPC gives all metadata of a message 8 KiB, of which base64 takes a quarter. */
const MAX_DETAIL_BYTES = 4_096;
const MAX_MESSAGE_CHARACTERS = 1_000;

/**
 * What gRPC calls an error of ours. UNAVAILABLE invites every client to send the call again, so it
 * stands only for calls that no worker began.
 */
export const statusOfCode = {
  INVALID_OPTIONS: Status.INVALID_ARGUMENT,
  INVALID_ARGUMENT: Status.INVALID_ARGUMENT,
  UNKNOWN_COMMAND: Status.UNIMPLEMENTED,
  UNKNOWN_POOL: Status.NOT_FOUND,
  QUEUE_FULL: Status.RESOURCE_EXHAUSTED,
  QUEUE_TIMEOUT: Status.DEADLINE_EXCEEDED,
  TIMEOUT: Status.DEADLINE_EXCEEDED,
  CANCELLED: Status.CANCELLED,
  POOL_CLOSED: Status.UNAVAILABLE,
  POOL_DEGRADED: Status.UNAVAILABLE,
  WORKER_START_FAILED: Status.UNAVAILABLE,
  WORKER_EXITED: Status.ABORTED,
  WORKER_BUSY: Status.UNAVAILABLE,
  MEMORY_EXCEEDED: Status.RESOURCE_EXHAUSTED,
  SESSION_NOT_FOUND: Status.NOT_FOUND,
  SESSION_LOST: Status.FAILED_PRECONDITION,
  QUOTA_EXCEEDED: Status.RESOURCE_EXHAUSTED,
  VERSION_CONFLICT: Status.ABORTED,
  VALUE_TOO_LARGE: Status.RESOURCE_EXHAUSTED,
  STORE_UNAVAILABLE: Status.UNAVAILABLE,
  UNSUPPORTED: Status.UNIMPLEMENTED,
  NOT_ALLOWED: Status.PERMISSION_DENIED,
  NOT_FOUND: Status.NOT_FOUND,
  SERIALIZATION: Status.INVALID_ARGUMENT,
  REMOTE: Status.UNKNOWN,
  PROTOCOL: Status.INTERNAL,
} as const satisfies Record<ErrorCode, Status>;

/** What a status means that comes without our detail: from gRPC itself, or from a stranger. */
export const codeOfStatus = {
  [Status.CANCELLED]: "CANCELLED",
  [Status.UNKNOWN]: "REMOTE",
  [Status.INVALID_ARGUMENT]: "INVALID_ARGUMENT",
  [Status.DEADLINE_EXCEEDED]: "TIMEOUT",
  [Status.NOT_FOUND]: "NOT_FOUND",
  [Status.ALREADY_EXISTS]: "VERSION_CONFLICT",
  [Status.PERMISSION_DENIED]: "NOT_ALLOWED",
  // gRPC's own reason for it is a message above the limit.
  [Status.RESOURCE_EXHAUSTED]: "VALUE_TOO_LARGE",
  [Status.FAILED_PRECONDITION]: "UNSUPPORTED",
  [Status.ABORTED]: "WORKER_EXITED",
  [Status.OUT_OF_RANGE]: "INVALID_ARGUMENT",
  [Status.UNIMPLEMENTED]: "UNSUPPORTED",
  [Status.INTERNAL]: "PROTOCOL",
  [Status.UNAVAILABLE]: "WORKER_EXITED",
  [Status.DATA_LOSS]: "PROTOCOL",
  [Status.UNAUTHENTICATED]: "NOT_ALLOWED",
} as const satisfies Record<Exclude<Status, Status.OK>, ErrorCode>;

/** The status that ends a call with this error; `code` where the table's is not the proper one. */
export function statusOf(
  error: SnakepitError<string>,
  code: Status = statusOfCode[error.code as ErrorCode] ?? Status.UNKNOWN,
): StatusObject {
  const metadata = new Metadata();
  const message = wordsOf(error).slice(0, MAX_MESSAGE_CHARACTERS);
  metadata.set(DETAIL_KEY, encodeDetail(error, message));
  return { code, details: message, metadata };
}

/**
 * What a peer's status says, as an error of ours: exactly the error that `statusOf` was given where
 * its detail came along, else what the status alone tells. Of work behind that nothing is known.
 */
export function errorOf({
  code,
  details,
  metadata,
}: Pick<StatusObject, "code" | "details"> & {
  readonly metadata?: Metadata;
}): SnakepitError<string> {
  const detail = decodeDetail(metadata?.get(DETAIL_KEY)[0]);
  if (detail !== undefined) return errorOfDetail(detail);
  const ours = codeOfStatus[code as keyof typeof codeOfStatus] ?? "PROTOCOL";
  const name = Status[code] ?? `status ${code}`;
  const text = details === "" ? `the gRPC peer answered ${name}` : `gRPC ${name}: ${details}`;
  return new SnakepitError<string>(ours, text, { outcome: "unknown", details: { status: name } });
}

function encodeDetail(error: SnakepitError<string>, message: string): Buffer {
  const { code, outcome } = error;
  const whole = ErrorDetail.encode({ code, message, outcome, details: jsonOf(error.details) });
  const bytes = whole.finish();
  if (bytes.length <= MAX_DETAIL_BYTES) return Buffer.from(bytes);
  // Above the limit gRPC would replace the status with one of its own.
  return Buffer.from(ErrorDetail.encode({ code, message, outcome, details: "" }).finish());
}

/** Undefined for what is none: metadata comes from outside. */
function decodeDetail(value: unknown): ErrorDetail | undefined {
  if (!Buffer.isBuffer(value)) return undefined;
  try {
    const detail = ErrorDetail.decode(value);
    return Object.hasOwn(statusOfCode, detail.code) ? detail : undefined;
  } catch {
    return undefined; // then the status alone has to do
  }
}

function errorOfDetail({ code, message, outcome, details }: ErrorDetail): SnakepitError<string> {
  return new SnakepitError<string>(code, message, {
    outcome: outcomes.includes(outcome) ? (outcome as Outcome) : "unknown",
    details: objectOf(details),
  });
}

const outcomes: readonly string[] = ["not-started", "failed", "unknown"] satisfies Outcome[];

/** Empty when there is nothing in it, or nothing that JSON can say. */
function jsonOf(details: object): string {
  try {
    return Object.keys(details).length === 0 ? "" : JSON.stringify(details);
  } catch {
    return "";
  }
}

function objectOf(json: string): Readonly<Record<string, unknown>> {
  if (json === "") return {};
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
