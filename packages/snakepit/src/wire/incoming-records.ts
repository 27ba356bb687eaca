import type { Correlation, TelemetryReport } from "../adapter.ts";
import { type LogLevel, logLevelOf } from "../log-level.ts";
import { receivedCorrelation } from "./correlation.ts";
import { type Pending, type PendingSlots, protocolError, shown } from "./pending.ts";
import { ToHost, ToWorker } from "./records.ts";
import { remoteError } from "./remote-error.ts";
import { telemetryReport } from "./telemetry-report.ts";

/** More names than any worker has commands: a set that only grows is a leak. */
const MAX_SHORT_COMMANDS = 10_000;

/** The channel, as the records that come over it see it. */
export interface IncomingOwner {
  readonly workerId: string;
  /** Hears what the worker logs. */
  readonly onLog:
    | ((level: LogLevel, message: string, correlation: Correlation | undefined) => void)
    | undefined;
  /** Hears what the worker measures. */
  readonly onTelemetry: ((report: TelemetryReport) => void) | undefined;
  /** The worker has room for so many bytes of parts more. */
  partCredit(bytes: unknown): void;
}

/** Understands the records of a worker: answers to calls, and what it says of itself. */
export class IncomingRecords {
  /** Commands that the worker calls short; see `Connection`. */
  readonly shortCommands = new Set<string>();
  readonly #owner: IncomingOwner;
  /** Sent and not yet answered. */
  readonly #pending: PendingSlots;

  constructor(owner: IncomingOwner, pending: PendingSlots) {
    this.#owner = owner;
    this.#pending = pending;
  }

  /** @throws SnakepitError PROTOCOL */
  take(record: unknown): void {
    if (!Array.isArray(record)) throw protocolError("a record is no array");
    const kind: unknown = record[0];
    switch (kind) {
      case ToHost.result:
        return this.#settle(record, ToWorker.call).succeed(record[2] ?? null);
      case ToHost.error: {
        const pending = this.#settle(record);
        return pending.fail(remoteError(record[2], pending.command, this.#owner.workerId));
      }
      case ToHost.chunk:
        return this.#called(record).chunk(record[2] ?? null, record[3] ?? 0);
      case ToHost.end:
        return this.#settle(record, ToWorker.stream).succeed(undefined);
      case ToHost.pong:
        return this.#settle(record, ToWorker.ping).succeed(undefined);
      case ToHost.log: {
        const message = textOf(record[3], "message of a log line");
        const correlation = receivedCorrelation(record[4]);
        return this.#owner.onLog?.(logLevelOf(record[2]), message, correlation);
      }
      case ToHost.pace:
        return this.#setPace(textOf(record[2], "command of a pace record"), record[3] === true);
      case ToHost.partCredit:
        return this.#owner.partCredit(record[2]);
      case ToHost.telemetry: {
        const report = telemetryReport(record);
        return this.#owner.onTelemetry?.(report);
      }
      default:
        throw protocolError(`a record has the unknown kind ${shown(kind)}`);
    }
  }

  #called(record: readonly unknown[]): Pending {
    const pending = this.#pending.get(record[1]);
    if (pending !== undefined) return pending;
    throw protocolError(`a record of kind ${record[0]} names the unknown call ${shown(record[1])}`);
  }

  /** The call that this record answers, which is thereby done; it must be of the `asked` kind. */
  #settle(record: readonly unknown[], asked?: number): Pending {
    const pending = this.#called(record);
    if (asked !== undefined && pending.kind !== asked) {
      throw protocolError(`a record of kind ${record[0]} is no answer to ${pending.command}`);
    }
    this.#pending.remove(pending);
    return pending;
  }

  #setPace(command: string, isShort: boolean): void {
    if (!isShort) this.shortCommands.delete(command);
    else if (this.shortCommands.size < MAX_SHORT_COMMANDS) this.shortCommands.add(command);
    else throw protocolError(`more than ${MAX_SHORT_COMMANDS} commands are called short`);
  }
}

function textOf(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw protocolError(`the ${what} is ${shown(value)}, not text`);
}
