import type { CommandSpec } from "./adapter.ts";
import { Call, type CallSink, type CallStream } from "./call.ts";
import { checkCallOptions, checkGrace, noCallOptions } from "./call-options.ts";
import { Dispatcher } from "./dispatcher.ts";
import { EventHub, type PoolEventName, type PoolEventOf } from "./events.ts";
import { checkHealth } from "./health.ts";
import { holding } from "./hold.ts";
import { ancestor, depthBelow } from "./host-work.ts";
import { inspect } from "./inspect/inspector.ts";
import type { Launcher } from "./launcher.ts";
import { localLauncher } from "./local/local-launcher.ts";
import { checkSizes, type ResolvedPoolOptions } from "./options.ts";
import type {
  CallOptions,
  CloseOptions,
  Pool,
  PoolHealth,
  PoolStats,
  ResizeOptions,
  RestartOptions,
  RestartReport,
  WorkerInfo,
} from "./pool.ts";
import {
  closedError,
  noCommand,
  openError,
  parentEnded,
  refusedArguments,
  sessionEndedError,
  unknownCommand,
} from "./pool-errors.ts";
import { PooledStream } from "./pooled-stream.ts";
import { PromiseSink } from "./promise-sink.ts";
import { Replacements } from "./replacements.ts";
import type { PoolSession, Session, SessionOptions, SessionOwner } from "./session.ts";
import { SessionBook } from "./session-book.ts";
import { Upkeep } from "./upkeep.ts";
import type { Worker } from "./worker.ts";

type PoolState =
  | { readonly phase: "open" }
  | { readonly phase: "closing"; readonly done: Promise<void> };

const DEFAULT_CLOSE_GRACE_MS = 20_000;

/** The pool as its users see it: checks what comes in, and hands calls to the dispatcher. */
export class WorkerPool implements Pool, SessionOwner {
  readonly #options: ResolvedPoolOptions;
  readonly #events = new EventHub();
  readonly #launcher: Launcher;
  readonly #dispatcher: Dispatcher;
  readonly #sessions: SessionBook;
  readonly #replacements: Replacements;
  readonly #upkeep: Upkeep;
  #state: PoolState = { phase: "open" };
  /** Aborted by `close`: nobody waits for the adapter any more. */
  readonly #opening = new AbortController();
  #inspection: Disposable | undefined;

  constructor(options: ResolvedPoolOptions) {
    this.#options = options;
    this.#launcher = options.launcher ?? options.adapter.launcher ?? this.#localLauncher();
    this.#dispatcher = new Dispatcher(options, this.#launcher, (event) => this.#events.emit(event));
    this.#sessions = new SessionBook(this);
    const { fleet, circuit } = this.#dispatcher;
    this.#replacements = new Replacements(fleet);
    this.#upkeep = new Upkeep(options, {
      fleet,
      replacements: this.#replacements,
      sessions: this.#sessions,
      circuit,
    });
  }

  #localLauncher(): Launcher {
    return localLauncher({
      onOrphans: ({ ended }) =>
        this.#events.emit({ name: "orphans-ended", pids: ended.map(({ pid }) => pid) }),
    });
  }

  /** @throws SnakepitError WORKER_START_FAILED when no worker came up */
  async open(): Promise<void> {
    const { adapter, minWorkers } = this.#options;
    const { fleet } = this.#dispatcher;
    const parts = { pool: this, fleet, replacements: this.#replacements, options: this.#options };
    this.#inspection = inspect(parts);
    try {
      await adapter.open?.({ signal: this.#opening.signal });
      await fleet.startMany(minWorkers);
      fleet.checkServing();
    } catch (error) {
      await this.close({ graceMs: 0 });
      throw openError(adapter.name, error);
    }
    this.#upkeep.start();
    fleet.schedule();
  }

  execute(
    command: string,
    args?: unknown,
    options: CallOptions = noCallOptions,
    session?: PoolSession,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const sink = new PromiseSink(resolve, reject);
      try {
        this.#call(command, args, options, session, sink, undefined);
      } catch (error) {
        sink.fail(error);
      }
    });
  }

  stream(
    command: string,
    args?: unknown,
    options: CallOptions = noCallOptions,
    session?: PoolSession,
  ): AsyncIterableIterator<unknown, undefined> {
    return new PooledStream(this.#dispatcher, (stream) =>
      this.#call(command, args, options, session, stream, stream),
    );
  }

  session(id?: string, options: SessionOptions = {}): Session {
    if (this.#state.phase !== "open") throw closedError();
    return this.#sessions.open(id, options);
  }

  stats(): PoolStats {
    const { fleet, queued, succeeded, failed, retried, circuit } = this.#dispatcher;
    const { ready, starting } = fleet;
    const all = [...fleet.all()].length;
    return {
      workers: { starting, ready: ready.length, draining: all - ready.length - starting },
      queued,
      running: fleet.load,
      succeeded,
      failed,
      retried,
      sessions: this.#sessions.size,
      circuit: circuit?.phase ?? "closed",
    };
  }

  workers(): WorkerInfo[] {
    return [...this.#dispatcher.fleet.all()].map((worker) => this.describe(worker));
  }

  describe(worker: Worker): WorkerInfo {
    const { id, process, phase, load, concurrency, calls, errors, memoryBytes, history } = worker;
    return {
      id,
      pid: process?.pid,
      state: phase,
      load,
      concurrency,
      calls,
      errors,
      sessions: worker.sessionCount,
      memoryBytes,
      history: history.notes,
    };
  }

  async health(): Promise<PoolHealth> {
    const { fleet } = this.#dispatcher;
    const asked = checkHealth([...fleet.all()], fleet.minWorkers, this.#options.clock);
    return { ...(await holding(asked)), guards: this.#launcher.guards?.() };
  }

  async resize(sizes: ResizeOptions): Promise<void> {
    if (this.#state.phase !== "open") throw closedError();
    const { fleet } = this.#dispatcher;
    const { minWorkers, maxWorkers } = checkSizes(sizes, {
      minWorkers: fleet.minWorkers,
      maxWorkers: fleet.maxWorkers,
    });
    fleet.minWorkers = minWorkers;
    fleet.maxWorkers = maxWorkers;
    this.#upkeep.tidy();
    await holding(fleet.startMany(minWorkers - fleet.ready.length - fleet.starting));
    fleet.schedule();
  }

  async restart(options: RestartOptions = {}): Promise<RestartReport> {
    if (this.#state.phase !== "open") throw closedError();
    checkGrace("restart", options, ["force", "graceMs"]);
    const { force = false, graceMs = this.#options.drainMs } = options;
    return await holding(this.#replacements.restart({ force, graceMs }));
  }

  on<Name extends PoolEventName | "*">(
    name: Name,
    listener: (event: PoolEventOf<Name>) => void,
  ): Disposable {
    return this.#events.on(name, listener);
  }

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#state.phase === "closing") return this.#state.done;
    try {
      checkGrace("close", options, ["graceMs"]);
    } catch (error) {
      return Promise.reject(error);
    }
    const { graceMs = DEFAULT_CLOSE_GRACE_MS } = options;
    const done = holding(this.#close(graceMs));
    this.#state = { phase: "closing", done };
    return done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(graceMs: number): Promise<void> {
    using _ = this.#inspection;
    this.#opening.abort(closedError());
    await this.#dispatcher.settle(graceMs);
    this.#upkeep.stop();
    await this.#dispatcher.fleet.close();
    await this.#options.adapter.close?.();
  }

  /** SessionOwner */
  nowMs(): number {
    return this.#options.clock.now();
  }

  /** SessionOwner */
  isUsed(session: PoolSession): boolean {
    return this.#dispatcher.callsOf(session).length > 0;
  }

  /** SessionOwner */
  ended(session: PoolSession): void {
    this.#sessions.forget(session);
    this.#dispatcher.cancelSession(session);
    for (const { connection } of session.servedBy) connection?.endSession?.(session.id);
  }

  #call(
    command: string,
    args: unknown,
    options: CallOptions,
    session: PoolSession | undefined,
    sink: CallSink,
    stream: CallStream | undefined,
  ): Call {
    const parent = ancestor();
    // While a pool closes, its running calls may still need others to end.
    const isOpen = this.#state.phase === "open" || this.#carries(parent);
    if (!isOpen) throw closedError();
    if (typeof command !== "string" || command === "") throw noCommand(command);
    if (options !== noCallOptions) checkCallOptions(options, session !== undefined);
    options.signal?.throwIfAborted();
    const spec = this.#spec(command);
    const { callTimeoutMs, streamTimeoutMs } = this.#options;
    const defaultTimeoutMs = stream === undefined ? callTimeoutMs : streamTimeoutMs;
    const call = new Call(this.#dispatcher, {
      command,
      args: spec === undefined ? args : prepared(command, args, spec),
      sink,
      stream,
      timeoutMs: options.timeoutMs ?? spec?.timeoutMs ?? defaultTimeoutMs,
    });
    // Of a reply: what a stream gives are chunks.
    if (stream === undefined && spec?.transform !== undefined)
      call.transform = (reply) => spec.transform?.(reply);
    const queueTimeoutMs = options.queueTimeoutMs ?? this.#options.queueTimeoutMs;
    if (queueTimeoutMs !== Number.POSITIVE_INFINITY) call.queueTimeoutMs = queueTimeoutMs;
    if (options.idempotent === true) call.idempotent = true;
    if (parent !== undefined) serve(call, parent);
    this.#enter(call, options, session ?? this.#inherited(parent));
    this.#dispatcher.submit(call, options.timeoutMs !== undefined || parent !== undefined);
    // Not before: a call that was refused has had its answer, and must not hear of an abort.
    if (options.signal !== undefined && !call.settled) call.follow(options.signal);
    call.joinParent();
    return call;
  }

  #spec(command: string): CommandSpec | undefined {
    const { commands } = this.#options.adapter;
    if (commands === undefined) return undefined;
    if (!Object.hasOwn(commands, command)) throw unknownCommand(command, Object.keys(commands));
    return commands[command];
  }

  #enter(call: Call, options: CallOptions, session: PoolSession | undefined): void {
    if (session === undefined) return;
    if (session.hasEnded) throw sessionEndedError(session.id);
    call.session = session;
    call.affinity = options.affinity ?? session.affinity;
  }

  /** Whether this pool runs that call. */
  #carries(call: Call | undefined): boolean {
    return this.#dispatcher.fleet.worker(call?.workerId) !== undefined;
  }

  /** A nested call belongs to the session of the call that it serves, if that is of this pool. */
  #inherited(parent: Call | undefined): PoolSession | undefined {
    return this.#carries(parent) ? parent?.session : undefined;
  }
}

function prepared(command: string, args: unknown, spec: CommandSpec): unknown {
  try {
    spec.validate?.(args);
    return spec.prepare === undefined ? args : spec.prepare(args);
  } catch (error) {
    throw refusedArguments(command, error);
  }
}

/** Makes it a nested call. @throws what ended the call that it would serve, if it has ended */
function serve(call: Call, parent: Call): void {
  if (parent.settled) throw parentEnded(call, parent, parent.signal.reason);
  call.serve(parent, depthBelow(parent, call.command));
}
