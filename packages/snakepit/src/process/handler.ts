/** What a handler may know of the call that it works on. */
export interface ServedCall {
  /** Aborts when the caller has gone. Nobody waits for the answer then, only for the end. */
  readonly signal: AbortSignal;
  readonly sessionId: string | undefined;
  /** A line for the host's log. */
  log(level: "debug" | "info" | "warning" | "error", message: string): void;
  /** Something measured, for the host's event `worker-telemetry`. */
  telemetry(
    event: string,
    measurements?: Readonly<Record<string, number>>,
    metadata?: Readonly<Record<string, unknown>>,
  ): void;
}

/**
 * One command: returns the answer or a promise of it; an async generator streams what it yields.
 * Nobody has checked the arguments.
 */
// biome-ignore lint/suspicious/noExplicitAny: each handler names the type that it expects
export type Handler = (args: any, call: ServedCall) => unknown;
