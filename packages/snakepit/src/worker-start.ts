import type { Adapter, CallContext, Connection, ConnectOptions } from "./adapter.ts";
import type { Clock } from "./clock.ts";
import { SnakepitError } from "./errors.ts";
import type { Launcher, WorkerExit, WorkerProcess } from "./launcher.ts";
import type { Redaction } from "./redact.ts";
import {
  badConcurrency,
  EndedEarly,
  startError,
  startTimeout,
  withAdvice,
} from "./worker-errors.ts";

/** A command that each new worker answers before it counts as ready. */
export interface WarmUpCall {
  readonly command: string;
  readonly args?: unknown;
}

export interface StartOptions {
  readonly adapter: Adapter;
  readonly launcher: Launcher;
  readonly clock: Clock;
  readonly startTimeoutMs: number;
  readonly warmUp: readonly WarmUpCall[];
}

export interface StartedWorker {
  readonly process: WorkerProcess;
  readonly connection: Connection;
}

/**
 * Launches a process, connects to it and warms it up; what does not become ready is ended again.
 * @throws SnakepitError WORKER_START_FAILED, with the worker's last stderr lines
 */
export async function startWorker(
  workerId: string,
  options: StartOptions,
  hears: Pick<ConnectOptions, "log" | "telemetry">,
  abort: AbortController,
  redaction: Redaction,
): Promise<StartedWorker> {
  const { adapter, launcher, clock, startTimeoutMs } = options;
  using _ = clock.startTimer(startTimeoutMs, () => abort.abort(startTimeout));
  const { signal } = abort;
  let child: WorkerProcess | undefined;
  let connecting: Promise<Connection> | undefined;
  try {
    const spec = adapter.spec();
    // What the host passes on to its workers may be secret as well.
    redaction.learn({ ...process.env, ...spec.env });
    const launching = launcher.launch(spec, { workerId, signal });
    child = await unlessGivenUp(launching, signal);
    connecting = adapter.connect(child, { signal, ...hears });
    const connection = await unlessEnded(connecting, child.exited, signal);
    const { concurrency } = connection.capabilities;
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) throw badConcurrency(concurrency);
    for (const call of options.warmUp) {
      await unlessEnded(warmUp(connection, call, signal), child.exited, signal);
    }
    return { process: child, connection };
  } catch (reason) {
    // Whatever the adapter still waits for, it waits for nothing; should it come, it goes again.
    abort.abort(reason);
    connecting?.then(goodbye, () => {});
    const exit = await child?.stop({ graceMs: 0 });
    const failure = startError(reason, workerId, startTimeoutMs, child, exit);
    throw redaction.error(withAdvice(failure, adapter));
  }
}

async function warmUp(
  connection: Connection,
  { command, args }: WarmUpCall,
  signal: AbortSignal,
): Promise<void> {
  try {
    await connection.execute(command, args, internalCall("warm-up", signal));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new SnakepitError("WORKER_START_FAILED", `the warm-up ${command} failed: ${text}`, {
      cause: error,
      outcome: "not-started",
      details: { reason: "warm-up", stderr: "" },
    });
  }
}

/** A call that the pool makes for itself. */
export function internalCall(callId: string, signal: AbortSignal): CallContext {
  return {
    callId,
    deadlineMs: Number.POSITIVE_INFINITY,
    signal,
    onCancel: (listener) =>
      signal.addEventListener("abort", () => listener.cancel(), { once: true }),
    callHost: async (work) => work(),
    session: undefined,
  };
}

/** A launcher that does not listen to `signal` must not hold up the start; what it brings late goes again. */
async function unlessGivenUp(
  launching: Promise<WorkerProcess>,
  signal: AbortSignal,
): Promise<WorkerProcess> {
  try {
    return await unlessEnded(launching, new Promise<never>(() => {}), signal);
  } catch (error) {
    launching.then(
      (late) => void late.stop({ graceMs: 0 }),
      () => {},
    );
    throw error;
  }
}

/** What is waited for, unless the process ends or the start is given up first. */
async function unlessEnded<Value>(
  waiting: Promise<Value>,
  exited: Promise<WorkerExit>,
  signal: AbortSignal,
): Promise<Value> {
  let onAbort!: () => void;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  const ended = exited.then((exit): never => {
    throw new EndedEarly(exit);
  });
  waiting.catch(() => {}); // heard by whichever loses the race as well
  ended.catch(() => {});
  try {
    return await Promise.race([waiting, ended, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** The process matters, not how its adapter's farewell went. */
export async function goodbye(connection: Connection): Promise<void> {
  try {
    await connection[Symbol.asyncDispose]();
  } catch {
    // It is ended by a signal or gone already: there is nothing left to lose.
  }
}
