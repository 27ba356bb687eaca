import { CallIntake, type IntakeOwner } from "./call-intake.ts";
import { checkGrace, noCallOptions } from "./call-options.ts";
import { Dispatcher } from "./dispatcher.ts";
import { EventHub } from "./event-hub.ts";
import type { PoolEventName, PoolEventOf, SessionEvent } from "./events.ts";
import { checkHealth } from "./health.ts";
import { holding } from "./hold.ts";
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
import { closedError, openError } from "./pool-errors.ts";
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
import type { SessionInfo, Sessions } from "./sessions.ts";
import { poolStats } from "./statistics/pool-stats.ts";
import { memoryStore } from "./store/memory-store.ts";
import type { OpenedSession, Store } from "./store/store.ts";
import { StoreAccess } from "./store-access.ts";
import { Upkeep } from "./upkeep.ts";
import type { Worker } from "./worker.ts";
import { workerInfo } from "./worker-info.ts";

type PoolState =
  | { readonly phase: "open" }
  | { readonly phase: "closing"; readonly done: Promise<void> };

const DEFAULT_CLOSE_GRACE_MS = 20_000;

/** The pool as its users see it. Calls come in by `CallIntake`, and go to the dispatcher. */
export class WorkerPool implements Pool, SessionBookOwner, IntakeOwner {
  readonly access: StoreAccess;
  readonly sessions: Sessions;
  readonly #options: ResolvedPoolOptions;
  /** Its own, or a number. */
  readonly #name: string;
  readonly #events: EventHub;
  readonly #launcher: Launcher;
  readonly #dispatcher: Dispatcher;
  readonly #intake: CallIntake;
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
    this.#intake = new CallIntake(this, options, this.#dispatcher);
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
        this.#intake.submit(command, args, options, session, sink, undefined);
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
      this.#intake.submit(command, args, options, session, stream, stream);
    return new PooledStream(this.#dispatcher.endings, submit, this.poolName);
  }

  /** IntakeOwner */
  get isOpen(): boolean {
    return this.#state.phase === "open";
  }

  session(id?: string, options: SessionOptions = {}): Session {
    if (!this.isOpen) throw closedError();
    return this.book.open(id, options);
  }

  stats(): PoolStats {
    return poolStats(this.#dispatcher, this.book.size);
  }

  workers(): WorkerInfo[] {
    return [...this.#dispatcher.fleet.all()].map((worker) => this.describe(worker));
  }

  describe(worker: Worker): WorkerInfo {
    return workerInfo(worker, this.#options.clock.now());
  }

  async health(): Promise<PoolHealth> {
    const { fleet } = this.#dispatcher;
    const asked = checkHealth([...fleet.all()], fleet.minWorkers, this.#options.clock);
    return { ...(await holding(asked)), guards: this.#launcher.guards?.() };
  }

  async resize(sizes: ResizeOptions): Promise<void> {
    if (!this.isOpen) throw closedError();
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
    if (!this.isOpen) throw closedError();
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
}

let lastPoolNumber = 0;

/** By which events of several pools are told apart. */
function poolName({ name }: ResolvedPoolOptions): string {
  lastPoolNumber++;
  return name ?? `pool-${lastPoolNumber}`;
}
