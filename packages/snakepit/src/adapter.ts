import type { Launcher, WorkerProcess, WorkerSpec } from "./launcher.ts";
import type { LogLevel } from "./log-level.ts";

/** How to talk to one kind of worker. A third party implements this and `Connection`, nothing else. */
export interface Adapter {
  readonly name: string;
  /** Where its workers live, unless the pool's options say otherwise; the adapter closes it. */
  readonly launcher?: Launcher;
  /** Asked before each start, so it may read the environment anew. */
  spec(): WorkerSpec;
  /** Called once, before the first worker starts: listen, compile, check the installation. */
  open?(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Called once, after the last worker is gone. */
  close?(): Promise<void>;
  /** Handshake with a fresh process. Rejecting means that the start failed; the pool backs off. */
  connect(process: WorkerProcess, options: ConnectOptions): Promise<Connection>;
  /**
   * What a person can do about a start that failed, read from the worker's last words; it stands in
   * the error in their place. Absent or undefined: the words speak for themselves.
   */
  startAdvice?(stderr: string): string | undefined;
  /** What the pool knows of single commands before it sends them. */
  readonly commands?: Readonly<Record<string, CommandSpec>>;
}

export interface ConnectOptions {
  /** When it aborts, nobody waits for the connection any more. */
  readonly signal: AbortSignal;
  /** What the worker logs, now and later; it becomes the pool's event `worker-log`. */
  readonly log: (level: LogLevel, message: string, correlation?: Correlation) => void;
  /** What the worker measures and reports; it becomes the pool's event `worker-telemetry`. */
  readonly telemetry: (report: TelemetryReport) => void;
}

/** Something that a worker has measured or wants to be known, in its own words. */
export interface TelemetryReport {
  readonly event: string;
  readonly measurements: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Of the call in which it was reported, if it was in one that has any. */
  readonly correlation?: Correlation;
}

/** What ties a call to others, in this program and beyond. */
export interface Correlation {
  /** The span that it runs in, as W3C Trace Context writes it: `00-<trace>-<span>-<flags>`. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** As its caller has named it. */
  readonly correlationId?: string;
}

/** Everything here runs in the host, on the caller's stack: throw to refuse a call. */
export interface CommandSpec {
  validate?(args: unknown): void;
  prepare?(args: unknown): unknown;
  transform?(reply: unknown): unknown;
  /** Default deadline of this command, when the caller gives none. */
  readonly timeoutMs?: number;
}

/** Reported by the worker in its handshake, so that host and worker cannot disagree. */
export interface Capabilities {
  /** Calls that the worker runs side by side; 1 for a plain single-threaded worker. */
  readonly concurrency: number;
  readonly commands: ReadonlySet<string> | "any";
  /**
   * Whether a ping is answered while calls fill every slot, so that silence means trouble.
   * Default: false; the pool then pings only a worker that has a free slot.
   */
  readonly pingsWhileBusy?: boolean;
}

/** One worker's open channel. Disposing says goodbye; the pool then stops the process. */
/** Who is told how calls end that were begun; `context` says which call it was. */
export interface CallAnswers {
  succeed(context: CallContext, reply: unknown): void;
  fail(context: CallContext, error: unknown): void;
}

export interface Connection extends AsyncDisposable {
  readonly capabilities: Capabilities;
  /**
   * Settles when the worker is done with the call, not when the caller lost interest.
   * `context.signal` asks it to give up early; an adapter that cannot ask may ignore it, and the
   * pool replaces a worker that stays busy too long.
   */
  execute(command: string, args: unknown, context: CallContext): Promise<unknown>;
  /**
   * As `execute`, but tells `answers` how it ended, once, after `begin` has returned. Without the
   * promises in between a call costs the host a fifth less. Absent: `execute` serves.
   */
  begin?(command: string, args: unknown, context: CallContext, answers: CallAnswers): void;
  /** Absent if the worker cannot stream. The iterator's `return()` settles as `execute` does. */
  stream?(command: string, args: unknown, context: CallContext): AsyncIterable<unknown>;
  /**
   * Commands that the worker has found to be so short that more of them may be sent than it has
   * slots: it works them off faster than they could be shared out. Changes as it learns.
   */
  readonly shortCommands?: ReadonlySet<string>;
  /** Resolves if the worker can serve calls now; rejects with the reason if not. */
  ping(context: CallContext): Promise<void>;
  /**
   * When the worker last sent anything at all, on the clock of `performance.now()`. Absent: the
   * pool goes by answers to calls and pings.
   */
  readonly heardMs?: number;
  /**
   * Takes back what the worker has been sent and has not begun, if it has shown no progress for
   * `afterMs`. Each call that comes back fails with WORKER_BUSY, outcome `not-started`, and the
   * pool sends it elsewhere.
   */
  recall?(afterMs: number): void;
  /** A session that this worker has served is over: whatever it keeps for it may go. */
  endSession?(sessionId: string): void;
  /**
   * Resolves when the channel has ended although the process may live on, with the fault if it was
   * one. Absent: never.
   */
  readonly closed?: Promise<Error | undefined>;
  /**
   * Tells of a worker that cannot be reached for now and may come back: until then it gets no calls,
   * and those that it had have failed. `closed` follows if it does not. Absent: never.
   */
  watchReach?(watcher: ReachWatcher): void;
  /**
   * Tells of each frame from now on, until what it returns is disposed of; for `snakepit trace`.
   * Several may listen. While nobody does, it should cost next to nothing. Absent: this adapter
   * shows no frames.
   */
  trace?(listener: TraceListener): Disposable;
}

/** Called in turns, beginning with `lost`. */
export interface ReachWatcher {
  lost(): void;
  /** It has come back as it was, without the calls that it had. */
  back(): void;
}

export type TraceListener = (frame: TraceFrame) => void;

/** What passes between host and worker, told as it passes. */
export interface TraceFrame {
  readonly direction: "to-worker" | "to-host";
  /** In the words of its protocol: `call`, `chunk`, `ping`. */
  readonly kind: string;
  /** Of the call that it belongs to, in the protocol; undefined when it belongs to none. */
  readonly id: string | undefined;
  readonly command: string | undefined;
  /** On the wire; of what was sent in one batch, a fair share. */
  readonly bytes: number;
  /** What it carries, belonging to others: to be read at once, and neither kept nor changed. */
  readonly value: unknown;
}

/** What an adapter may know of the call that it carries. */
export interface CallContext {
  readonly callId: string;
  /** Moment of expiry on the clock of `performance.now()`; Infinity when there is none. */
  readonly deadlineMs: number;
  /** Made when first asked for, because a signal per call is the dearest part of a small call. */
  readonly signal: AbortSignal;
  /**
   * Hears of the call's end by the caller's wish (abort, deadline) without a signal being made.
   * At most one listener per call: the adapter that carries it.
   */
  onCancel(listener: CancelListener): void;
  /**
   * Runs something of the host's on behalf of this call, such as a tool that the worker has asked
   * for. Calls that `work` makes on any pool are nested: they inherit deadline, abort and session,
   * and while `work` runs they may use the slot that this call waits on.
   */
  callHost<Result>(work: () => Result | Promise<Result>): Promise<Result>;
  readonly session: CallSession | undefined;
  /**
   * For the worker, so that spans and log lines of both sides can be joined. To be asked for when
   * the call is sent: each attempt has a span of its own. Absent: nothing ties it to others.
   */
  readonly correlation?: Correlation | undefined;
}

/** An object and not a function, so that a small call needs no closure of its own. */
export interface CancelListener {
  /** The caller has gone: ask the worker to stop. It still answers, and that frees the slot. */
  cancel(): void;
}

/**
 * Which worker a call of a session goes to: its home if that is free (`prefer`), its home or none
 * at all because something lives there that cannot be moved (`require`), or any (`none`).
 */
export type Affinity = "prefer" | "require" | "none";

/** The session of a call, as its worker sees it. */
export interface CallSession {
  readonly id: string;
}
