import type { Correlation } from "../adapter.ts";
import type { EventHub } from "../event-hub.ts";
import type { PoolEvent, PoolEventName, PoolEventOf } from "../events.ts";
import { exitText, lastWords } from "../exit-report.ts";
import { Redaction } from "../redact.ts";
import type { LogFields, Logger, LoggerLevel } from "./logger.ts";

interface Line {
  readonly level: LoggerLevel;
  readonly message: string;
}

type Lines = { readonly [Name in PoolEventName]?: (event: PoolEventOf<Name>) => Line };

/** What is worth a line, and how loud. Calls are not: there may be a million of them per second. */
const lines: Lines = {
  "pool-ready": ({ workers, startMs }) =>
    info(`ready with ${counted(workers, "worker")} after ${Math.round(startMs)} ms`),
  "pool-resized": ({ minWorkers, maxWorkers }) =>
    info(`resized to ${minWorkers} to ${maxWorkers} workers`),
  "pool-saturated": ({ queued }) => warn(`the queue is full: ${queued} calls wait`),
  "pool-closed": () => info("closed"),
  "pool-degraded": ({ error }) => failure(error.message),
  "pool-recovered": () => info("workers start again"),
  "circuit-opened": ({ retryAfterMs }) =>
    failure(
      `calls are refused for ${Math.ceil(retryAfterMs)} ms: most were lost with their workers`,
    ),
  "circuit-closed": () => info("calls are served again"),
  "orphans-ended": ({ pids }) =>
    warn(`ended what a host, now dead, had left behind: ${pids.join(", ")}`),
  "worker-starting": ({ workerId }) => debug(`worker ${workerId} starts`),
  "worker-ready": ({ workerId, pid, startMs }) =>
    info(`worker ${workerId} (pid ${pid ?? "unknown"}) is ready after ${Math.round(startMs)} ms`),
  "worker-start-failed": ({ error }) => failure(error.message),
  "worker-draining": ({ workerId, reason }) =>
    debug(`worker ${workerId} takes no more calls: ${reason}`),
  "worker-stopped": (event) => stopped(event),
  "worker-suspect": ({ workerId }) => warn(`worker ${workerId} gives no sign of life`),
  "worker-recovered": ({ workerId }) => info(`worker ${workerId} is heard again`),
  "worker-log": ({ workerId, level, message }) => ({
    level: level === "warning" ? "warn" : level,
    message: `${workerId}: ${message}`,
  }),
  "call-abandoned": ({ workerId, command }) =>
    warn(`${command} ignores its cancel; worker ${workerId} will be replaced`),
  "call-retried": ({ command, attempt, delayMs }) =>
    warn(`${command} lost its worker; attempt ${attempt} follows in ${Math.round(delayMs)} ms`),
  "session-lost": ({ sessionId, workerId }) =>
    warn(`session ${sessionId} has lost what it kept on worker ${workerId}`),
  "session-quota-warning": ({ sessions, maxSessions }) =>
    warn(`${sessions} of ${maxSessions} sessions are there`),
  "store-unavailable": ({ store }) => failure(`the store ${store} does not answer`),
  "store-recovered": ({ store }) => info(`the store ${store} answers again`),
};

/** Writes a line for each event that deserves one. */
export function logEvents(events: EventHub, pool: string, logger: Logger): void {
  const log = new EventLog(pool, logger);
  for (const name of Object.keys(lines) as (keyof Lines)[])
    events.on(name, (event) => log.write(event, lineOf(event)));
}

/** The compiler cannot see that a name finds the entry for its own event. */
function lineOf(event: PoolEvent): Line {
  return (lines[event.name] as (event: PoolEvent) => Line)(event);
}

class EventLog {
  readonly #pool: string;
  readonly #logger: Logger;
  /** Workers' secrets are out of their events already; this is for the host's own, as a store's. */
  readonly #redaction = new Redaction();

  constructor(pool: string, logger: Logger) {
    this.#pool = pool;
    this.#logger = logger;
    this.#redaction.learn(process.env);
  }

  write(event: PoolEvent, { level, message }: Line): void {
    const fields = this.#redaction.value(fieldsOf(event, this.#pool)) as LogFields;
    this.#logger[level]?.(fields, this.#redaction.text(`pool ${this.#pool}: ${message}`));
  }
}

/**
 * `err` is where pino and others look for the error, whose stack they then show; `level`, `pid` and
 * `message` are their own, and what has these names here must not take their place.
 */
const loggedNames: Readonly<Record<string, string>> = {
  error: "err",
  level: "workerLevel",
  pid: "workerPid",
  message: "workerMessage",
};

function fieldsOf(event: PoolEvent, pool: string): LogFields {
  const { name, ...rest } = event.name === "worker-stopped" ? withoutOutput(event) : event;
  const { correlation, ...plain } = rest as { readonly correlation?: Correlation };
  // Side by side with the others: that is where tools look for the trace of a line.
  const fields = Object.entries({ ...plain, ...correlation }).map(([key, value]) => [
    loggedNames[key] ?? key,
    value,
  ]);
  return { event: name, pool, ...Object.fromEntries(fields) };
}

/** Its last lines are in the message; the rest is up to 64 KiB. */
function withoutOutput(event: PoolEventOf<"worker-stopped">) {
  const { stderr: _, ...rest } = event;
  return rest;
}

function stopped(event: PoolEventOf<"worker-stopped">): Line {
  const { workerId, reason, exit, cause, lostCalls, stderr } = event;
  const text = `worker ${workerId} ${exitText(exit)}`;
  if (cause === "stopped" && lostCalls === 0) return info(`${text} as wanted: ${reason}`);
  return warn(
    `${text} (${reason}, ${cause}) and lost ${counted(lostCalls, "call")}${lastWords(stderr)}`,
  );
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}

function debug(message: string): Line {
  return { level: "debug", message };
}

function info(message: string): Line {
  return { level: "info", message };
}

function warn(message: string): Line {
  return { level: "warn", message };
}

function failure(message: string): Line {
  return { level: "error", message };
}
