import { show } from "../check-options.ts";

/**
 * Where a pool writes what happens: what happened in fields, then a sentence. `console` and a pino
 * logger are such objects as they are. Called on the pool's own stack, so that it should not wait.
 */
export interface Logger {
  /** Absent: what is only of interest to its developers is not written. */
  debug?(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** `event` is the name of a `PoolEvent`; the rest are its fields, an error under `err`. */
export interface LogFields {
  readonly event: string;
  readonly pool: string;
  readonly [field: string]: unknown;
}

export type LoggerLevel = keyof Logger;

const required = ["info", "warn", "error"] as const;

export function loggerProblems(logger: unknown): string[] {
  if (typeof logger !== "object" || logger === null)
    return [`logger must be an object with info, warn and error, not ${show(logger)}`];
  const methods = logger as Readonly<Record<string, unknown>>;
  return [
    ...required.flatMap((name) => (typeof methods[name] === "function" ? [] : [name])),
    ...(methods["debug"] === undefined || typeof methods["debug"] === "function" ? [] : ["debug"]),
  ].map((name) => `logger.${name} must be a function, not ${show(methods[name])}`);
}
