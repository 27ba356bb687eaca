export type LogLevel = "debug" | "info" | "warning" | "error";

/** As a worker names it; what it calls otherwise counts as `info`. */
export function logLevelOf(level: unknown): LogLevel {
  switch (level) {
    case "debug":
    case "warning":
    case "error":
      return level;
    case "warn":
      return "warning";
    default:
      return "info";
  }
}
