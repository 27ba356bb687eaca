import { type SnakepitError, show } from "snakepit";
import { invalid, notOf } from "./invalid.ts";
import { type HasWireForm, kinds, type WireForm, wireForm } from "./kinds.ts";

const datePattern = /^(\d{4})-(\d\d)-(\d\d)$/;
const timePattern =
  /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,6}))?)?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?)?$/;
const zonePattern = /^(.*?)(?:\[([\w+/-]+)\])?$/s;
const msPerDay = 86_400_000;
const microsecondsPerDay = 86_400_000_000;
/** What Python's `timedelta` holds. */
const mostDays = 999_999_999;

/**
 * A Python `datetime`, exactly: `iso` keeps its microseconds, its offset, or that it has none
 * (naive), and in brackets the name of its zone, if that is known. As a `Date` it is the moment, to
 * the millisecond; of a naive one, the moment when clocks that show UTC show these digits.
 */
export class PyDateTime extends Date implements HasWireForm {
  readonly iso: string;
  readonly microsecond: number;
  /** `"+02:00"`; undefined of a naive datetime. */
  readonly offset: string | undefined;
  /** `"Europe/Berlin"`, where the datetime named one. */
  readonly zone: string | undefined;

  /** @throws SnakepitError INVALID_ARGUMENT when `iso` is not as Python's `isoformat()` writes it */
  constructor(iso: string) {
    const { timeMs, microsecond, offset, zone } = momentOf(iso);
    super(timeMs);
    this.iso = iso;
    this.microsecond = microsecond;
    this.offset = offset;
    this.zone = zone;
  }

  get isNaive(): boolean {
    return this.offset === undefined;
  }

  /** False after `setHours` or another method of `Date` that makes `iso` untrue. */
  get isUnchanged(): boolean {
    return this.getTime() === momentOf(this.iso).timeMs;
  }

  override toJSON(): string {
    return this.iso;
  }

  [wireForm](): WireForm {
    return { kind: kinds.datetime, leaf: this.iso };
  }
}

/** A Python `date`: a day without a time and a zone. */
export class PyDate implements HasWireForm {
  readonly iso: string;
  readonly year: number;
  readonly month: number;
  readonly day: number;

  /** @throws SnakepitError INVALID_ARGUMENT when `iso` is not a day such as `"2024-02-29"` */
  constructor(iso: string) {
    const match = typeof iso === "string" ? datePattern.exec(iso) : null;
    if (match === null) throw notOf("a PyDate is made of ISO text", iso, "2024-02-29");
    if (msOfDay(match) === undefined) throw noSuchDay("a PyDate", iso);
    this.iso = iso;
    [this.year, this.month, this.day] = match.slice(1).map(Number) as [number, number, number];
  }

  toString(): string {
    return this.iso;
  }

  toJSON(): string {
    return this.iso;
  }

  [wireForm](): WireForm {
    return { kind: kinds.date, leaf: this.iso };
  }
}

/** A Python `time`: a time of day, with an offset or without. */
export class PyTime implements HasWireForm {
  readonly iso: string;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly microsecond: number;
  /** `"+02:00"`; undefined of a naive time. */
  readonly offset: string | undefined;

  /** @throws SnakepitError INVALID_ARGUMENT when `iso` is not a time such as `"09:30:00.000001"` */
  constructor(iso: string) {
    const match = typeof iso === "string" ? timePattern.exec(iso) : null;
    if (match === null) throw notOf("a PyTime is made of ISO text", iso, "09:30:00.000001");
    this.iso = iso;
    this.hour = Number(match[1]);
    this.minute = Number(match[2]);
    this.second = Number(match[3] ?? 0);
    this.microsecond = microsecondsOf(match) % 1_000_000;
    this.offset = match[5] === "Z" ? "+00:00" : match[5];
  }

  toString(): string {
    return this.iso;
  }

  toJSON(): string {
    return this.iso;
  }

  [wireForm](): WireForm {
    return { kind: kinds.time, leaf: this.iso };
  }
}

/** A Python `timedelta`, with its three parts as Python keeps them: only `days` may be negative. */
export class PyTimeDelta implements HasWireForm {
  readonly days: number;
  /** 0 to 86,399. */
  readonly seconds: number;
  /** 0 to 999,999. */
  readonly microseconds: number;

  /**
   * @throws SnakepitError INVALID_ARGUMENT for parts that there are not or that are no integers, or
   * beyond Python's range
   */
  constructor(parts: Partial<TimeDeltaParts>) {
    checkParts(parts);
    const { days = 0, seconds = 0, microseconds = 0 } = parts;
    const allSeconds = seconds + Math.floor(microseconds / 1_000_000);
    this.days = days + Math.floor(allSeconds / 86_400);
    this.seconds = modulo(allSeconds, 86_400);
    this.microseconds = modulo(microseconds, 1_000_000);
    if (Math.abs(this.days) > mostDays) {
      throw invalid("a PyTimeDelta", `has at most ${mostDays} days, forward or back`);
    }
  }

  static ofMilliseconds(milliseconds: number): PyTimeDelta {
    return timeDelta(milliseconds);
  }

  get totalMilliseconds(): number {
    return this.days * msPerDay + this.seconds * 1000 + this.microseconds / 1000;
  }

  /** As an ISO 8601 duration, which pydantic and `Temporal.Duration` read: `"-PT1.5S"`. */
  toString(): string {
    const negative = this.days < 0;
    // A whole day is 8.64e10 µs: with a million days the sum would no longer be exact.
    const micros =
      BigInt(this.days) * BigInt(microsecondsPerDay) +
      BigInt(this.seconds) * 1_000_000n +
      BigInt(this.microseconds);
    const size = negative ? -micros : micros;
    const days = size / BigInt(microsecondsPerDay);
    const rest = Number(size % BigInt(microsecondsPerDay));
    const fraction = String(rest % 1_000_000)
      .padStart(6, "0")
      .replace(/0+$/, "");
    const seconds = `${Math.floor(rest / 1_000_000)}${fraction === "" ? "" : `.${fraction}`}`;
    return `${negative ? "-" : ""}P${days > 0n ? `${days}D` : ""}T${seconds}S`;
  }

  toJSON(): string {
    return this.toString();
  }

  [wireForm](): WireForm {
    return { kind: kinds.timedelta, leaf: [this.days, this.seconds, this.microseconds] };
  }
}

export interface TimeDeltaParts {
  readonly days: number;
  readonly seconds: number;
  readonly microseconds: number;
}

const partNames: readonly string[] = ["days", "seconds", "microseconds"];

/** Hours that nobody reads would make a length of nothing. */
function checkParts(parts: unknown): void {
  if (typeof parts !== "object" || parts === null || Array.isArray(parts)) {
    throw invalid(
      "a PyTimeDelta is made of",
      `{ days, seconds, microseconds }, not of ${show(parts)}; for one number use PyTimeDelta.ofMilliseconds`,
    );
  }
  // No list of entries: each of many lengths that a worker sends passes here.
  for (const name in parts) {
    const value = (parts as Readonly<Record<string, unknown>>)[name];
    if (!partNames.includes(name)) {
      throw invalid(
        "a PyTimeDelta",
        `has no ${name}; known are ${partNames.join(", ")}, and PyTimeDelta.ofMilliseconds takes any length`,
      );
    }
    if (value !== undefined && !Number.isSafeInteger(value)) {
      throw invalid(`${name} of a PyTimeDelta`, `is a safe integer, not ${show(value)}`);
    }
  }
}

/** Outside of the class: bundlers rename a class whose static members name it. */
function timeDelta(milliseconds: number): PyTimeDelta {
  const days = Math.floor(milliseconds / msPerDay);
  const microseconds = Math.round((milliseconds - days * msPerDay) * 1000);
  return new PyTimeDelta({ days, microseconds });
}

/** The text of a `Date` as Python reads it; undefined outside the years that Python has. */
export function isoOf(date: Date): string | undefined {
  const year = date.getUTCFullYear();
  return year >= 1 && year <= 9999 ? date.toISOString().replace("Z", "+00:00") : undefined;
}

interface Moment {
  readonly timeMs: number;
  readonly microsecond: number;
  readonly offset: string | undefined;
  readonly zone: string | undefined;
}

/** @throws SnakepitError INVALID_ARGUMENT */
function momentOf(iso: string): Moment {
  const [, moment = "", zone] = (typeof iso === "string" && zonePattern.exec(iso)) || [];
  const day = datePattern.exec(moment.slice(0, 10));
  const clock = timePattern.exec(moment.slice(11));
  if (day === null || clock === null || !/[T ]/.test(moment.charAt(10))) {
    throw notOf("a PyDateTime is made of ISO text", iso, "2024-05-17T09:30:00.000001+02:00");
  }
  const dayMs = msOfDay(day);
  if (dayMs === undefined) throw noSuchDay("a PyDateTime", iso);
  const offset = clock[5] === "Z" ? "+00:00" : clock[5];
  if (zone !== undefined && offset === undefined) {
    throw invalid(
      "a PyDateTime with the name of a zone",
      `has an offset in front of it, and ${show(iso)} has none`,
    );
  }
  const microseconds = microsecondsOf(clock);
  return {
    timeMs: dayMs + Math.floor(microseconds / 1000) - offsetMs(offset),
    microsecond: microseconds % 1_000_000,
    offset,
    zone,
  };
}

function noSuchDay(type: string, iso: string): SnakepitError {
  return invalid(type, `cannot be ${show(iso)}: no calendar has that day`);
}

/** Milliseconds since 1970; undefined for a day that no calendar has. */
function msOfDay([, year, month, day]: RegExpExecArray): number | undefined {
  // `Date.UTC` reads the years 0 to 99 as 1900 and more.
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const exists = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
  return exists && Number(year) >= 1 ? date.getTime() : undefined;
}

function microsecondsOf([, hour, minute, second = "0", fraction = ""]: RegExpExecArray): number {
  const seconds = (Number(hour) * 60 + Number(minute)) * 60 + Number(second);
  return seconds * 1_000_000 + Number(fraction.padEnd(6, "0"));
}

function offsetMs(offset: string | undefined): number {
  if (offset === undefined) return 0;
  const [hours, minutes, seconds = 0] = offset.slice(1).split(":").map(Number) as number[];
  const ms = (((hours as number) * 60 + (minutes as number)) * 60 + seconds) * 1000;
  return Math.floor(offset.startsWith("-") ? -ms : ms);
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
