import type { CommandSpec } from "./adapter.ts";
import { Call, type CallSink, type CallStream } from "./call.ts";
import { checkCallOptions, checkGrace, noCallOptions } from "./call-options.ts";
import { Dispatcher } from "./dispatcher.ts";
import { EventHub } from "./event-hub.ts";
import type { PoolEventName, PoolEventOf, SessionEvent } from "./events.ts";
import { checkHealth } from "./health.ts";
import { holding } from "./hold.ts";
import { ancestor, depthBelow } from "./host-work.ts";
import { inspect } from "./inspect/inspector.ts";
import type { Launcher } from "./launcher.ts";
import { localLauncher } from "./local/local-launcher.ts";
import { logEvents } from "./logging/log-events.ts";
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
  unknownCommand,
} from "./pool-errors.ts";
import { PooledStream } from "./pooled-stream.ts";
import { PromiseSink } from "./promise-sink.ts";
import type { Records } from "./records.ts";
import { Replacements } from "./replacements.ts";
import {
  GLOBAL_SESSION,
  type Metadata,
  type PoolSession,
  type Session,
  type SessionOptions,
} from "./session.ts";
import { SessionAdmin } from "./session-admin.ts";
import { SessionBook, type SessionBookOwner } from "./session-book.ts";
import { scopedSession } from "./session-scope.ts";
import type { SessionInfo, Sessions } from "./sessions.ts";
import { memoryStore } from "./store/memory-store.ts";
import type { OpenedSession, Store } from "./store/store.ts";
import { StoreAccess } from "./store-access.ts";
import { Upkeep } from "./upkeep.ts";
import type { Worker } from "./worker.ts";

type PoolState =
  | { readonly phase: "open" }
  | { readonly phase: "closing"; readonly done: Promise<void> };

const DEFAULT_CLOSE_GRACE_MS = 20_000;

/** The pool as its users see it: checks what comes in, and hands calls to the dispatcher. */
export class WorkerPool implements Pool, SessionBookOwner {
  readonly access: StoreAccess;
  readonly sessions: Sessions;
  readonly #options: ResolvedPoolOptions;
  /** Its own, or a number. */
  readonly #name: string;
  readonly #events: EventHub;
  readonly #launcher: Launcher;
  readonly #dispatcher: Dispatcher;
  readonly book: SessionBook;
  readonly #ownsStore: boolean;
  readonly #replacements: Replacements;
  readonly #upkeep: Upkeep;
  #state: PoolState = { phase: "open" };
  /** Aborted by `close`: nobody waits for the adapter any more. */
  readonly #opening = new AbortController();
  #inspection: Disposable | undefined;

  constructor(options: ResolvedPoolOptions) {
    this.#options = options;
    this.#name = poolName(options);
    this.#events = new EventHub(this.#name, options.telemetry);
    if (options.logger !== undefined) logEvents(this.#events, this.#name, options.logger);
    this.#ownsStore = options.store === undefined || options.ownsStore;
    this.#launcher = options.launcher ?? options.adapter.launcher ?? this.#localLauncher();
    this.#dispatcher = new Dispatcher(options, this.#launcher, this.#events);
    this.access = new StoreAccess(options.store ?? this.#memoryStore(), (event) =>
      this.#events.emit(event),
    );
    this.book = new SessionBook(this);
    this.sessions = new SessionAdmin(
      this.access,
      () => [this.book],
      (event) => this.#events.emit(event),
    );
    const { fleet, circuit } = this.#dispatcher;
    this.#replacements = new Replacements(fleet);
    this.#upkeep = new Upkeep(options, {
      fleet,
      replacements: this.#replacements,
      sessions: this.book,
      circuit,
    });
  }

  #memoryStore(): Store {
    const { maxSessions, clock } = this.#options;
    return memoryStore({ maxSessions, clock });
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
    const startedMs = this.#options.clock.now();
    this.#inspection = inspect({
      name: this.#name,
      pool: this,
      fleet,
      replacements: this.#replacements,
      options: this.#options,
    });
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
    const startMs = this.#options.clock.now() - startedMs;
    this.#events.emit({ name: "pool-ready", workers: fleet.ready.length, startMs });
  }

  execute(
    command: string,
    args?: unknown,
    options: CallOptions = noCallOptions,
    session?: PoolSession,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const sink = new PromiseSink(resolve, reject, this.poolName);
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
    const submit = (stream: PooledStream) =>
      this.#call(command, args, options, session, stream, stream);
    return new PooledStream(this.#dispatcher, submit, this.poolName);
  }

  session(id?: string, options: SessionOptions = {}): Session {
    if (this.#state.phase !== "open") throw closedError();
    return this.book.open(id, options);
  }

  stats(): PoolStats {
    const { fleet, queued, watch, circuit } = this.#dispatcher;
    const { ready, starting } = fleet;
    const all = [...fleet.all()].length;
    const { requests, succeeded, failed, retried, errors, affinityHits, affinityMisses } = watch;
    return {
      workers: { starting, ready: ready.length, draining: all - ready.length - starting },
      ...occupancy(ready),
      queued,
      running: fleet.load,
      requests,
      succeeded,
      failed,
      retried,
      errors,
      queueTimeouts: errors["QUEUE_TIMEOUT"] ?? 0,
      saturationRejections: errors["QUEUE_FULL"] ?? 0,
      affinityHits,
      affinityMisses,
      sessions: this.book.size,
      circuit: circuit?.phase ?? "closed",
      commands: watch.commands,
    };
  }

  workers(): WorkerInfo[] {
    return [...this.#dispatcher.fleet.all()].map((worker) => this.describe(worker));
  }

  describe(worker: Worker): WorkerInfo {
    const { id, process, phase, load, concurrency, calls, errors, memoryBytes, history } = worker;
    const { startedAtMs, idleSinceMs } = worker;
    const idleMs = idleSinceMs === undefined ? 0 : this.#options.clock.now() - idleSinceMs;
    return {
      id,
      pid: process?.pid,
      state: phase,
      startedAtMs,
      lastActivityAtMs: Math.max(startedAtMs, Math.round(Date.now() - idleMs)),
      load,
      concurrency,
      calls,
      errors,
      sessions: worker.sessionCount,
      memoryBytes,
      stderr: worker.lastLines(),
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
    this.#events.emit({ name: "pool-resized", minWorkers, maxWorkers });
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
    try {
      await this.#options.adapter.close?.();
    } finally {
      await this.book.close();
      if (this.#ownsStore) await this.access.tell((store) => store.close());
      this.#events.emit({ name: "pool-closed" });
    }
  }

  records(namespace: string): Records {
    return this.book.open(GLOBAL_SESSION, {}).records(namespace);
  }

  /** SessionBookOwner */
  get poolName(): string | undefined {
    return this.#options.name;
  }

  /** SessionBookOwner */
  watchSessions(everyMs: number): void {
    this.#upkeep.tickEvery(everyMs);
  }

  /** SessionOwner */
  emit(event: SessionEvent): void {
    this.#events.emit(event);
  }

  /** SessionOwner */
  opened(session: PoolSession, opened: OpenedSession): void {
    this.book.opened(session, opened);
  }

  /** SessionOwner */
  info(id: string): Promise<SessionInfo | undefined> {
    return this.sessions.get(id);
  }

  /** SessionOwner */
  update(id: string, change: (metadata: Metadata) => Metadata): Promise<SessionInfo> {
    return this.sessions.update(id, change);
  }

  /** SessionOwner */
  nowMs(): number {
    return this.#options.clock.now();
  }

  /** SessionOwner */
  ended(session: PoolSession): void {
    this.book.forget(session);
    this.#dispatcher.cancelSession(session);
    for (const { connection } of session.servedBy) {
      try {
        connection?.endSession?.(session.id);
      } catch (error) {
        process.emitWarning(
          `the adapter ${this.#options.adapter.name} could not end a session: ${String(error)}`,
          "SnakepitWarning",
        );
      }
    }
  }

  /** SessionOwner */
  refused(session: PoolSession): void {
    this.book.forget(session);
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
    const belongs = session ?? this.#inherited(parent) ?? scopedSession(this);
    if (options !== noCallOptions) checkCallOptions(options, belongs !== undefined);
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
    if (options.correlationId !== undefined) call.correlationId = options.correlationId;
    if (parent !== undefined) serve(call, parent);
    const opening = this.#enter(call, options, belongs);
    const isTimed = options.timeoutMs !== undefined || parent !== undefined;
    if (opening === undefined) this.#dispatcher.submit(call, isTimed);
    else this.#dispatcher.submitAfter(opening, call, isTimed);
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

  /** What the call has to wait for: a session that the store has not found yet. */
  #enter(
    call: Call,
    options: CallOptions,
    session: PoolSession | undefined,
  ): Promise<void> | undefined {
    if (session === undefined) return undefined;
    const opening = session.open();
    call.session = session;
    session.openCalls++;
    call.affinity = options.affinity ?? session.affinity;
    // What the store knows of an older session counts, where its caller has not said otherwise.
    return opening?.then(() => {
      call.affinity = options.affinity ?? session.affinity;
    });
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

function occupancy(
  ready: readonly Worker[],
): Pick<PoolStats, "available" | "busy" | "utilisation"> {
  let [available, busy, used, slots] = [0, 0, 0, 0];
  for (const { load, concurrency } of ready) {
    if (load < concurrency) available++;
    if (load > 0) busy++;
    used += Math.min(load, concurrency); // short commands may be packed beyond the slots
    slots += concurrency;
  }
  return { available, busy, utilisation: slots === 0 ? 0 : used / slots };
}

let lastPoolNumber = 0;

/** By which events of several pools are told apart. */
function poolName({ name }: ResolvedPoolOptions): string {
  lastPoolNumber++;
  return name ?? `pool-${lastPoolNumber}`;
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
