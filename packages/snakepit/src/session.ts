import type { Affinity, CallSession } from "./adapter.ts";
import type { AnyCommands, CommandMapOf } from "./command-types.ts";
import { SnakepitError } from "./errors.ts";
import type { SessionEvent } from "./events.ts";
import type { CallOptions, Pool, WorkerInfo } from "./pool.ts";
import { sessionEndedError } from "./pool-errors.ts";
import { checkNamespace, type RecordScope, type Records, StoredRecords } from "./records.ts";
import type { Preparing } from "./rehydration.ts";
import { SessionRow } from "./session-row.ts";
import { runInScope, type SessionScope } from "./session-scope.ts";
import type { SessionSettings } from "./session-settings.ts";
import { type SessionSlot, SlotValues } from "./session-slots.ts";
import type { SessionInfo } from "./sessions.ts";
import type { OpenedSession } from "./store/store.ts";
import type { StoreAccess } from "./store-access.ts";
import type { Worker } from "./worker.ts";

/** Data of the application's own, as JSON has it. */
export type Metadata = Readonly<Record<string, unknown>>;

export interface SessionOptions {
  /** Of its calls, unless they say otherwise. Default: `"prefer"`. */
  readonly affinity?: Affinity | undefined;
  /**
   * After the last use, a session, its records and what workers keep for it are dropped; Infinity:
   * never. Default: 1 h.
   */
  readonly ttlMs?: number | undefined;
  /** What a new session knows of itself, up to 256 KiB as JSON. Default: nothing. */
  readonly metadata?: Metadata | undefined;
  /** The pool that all its calls go to. Default: each goes where its command is routed. */
  readonly pool?: string | undefined;
}

/**
 * Calls that belong together: they share an id, and as a rule a worker. `execute` and `stream` are
 * the pool's own, on that worker, and may also throw SESSION_LOST, SESSION_NOT_FOUND,
 * QUOTA_EXCEEDED and STORE_UNAVAILABLE.
 */
export interface Session<out Commands extends CommandMapOf<Commands> = AnyCommands>
  extends CallSession,
    Pick<Pool<Commands>, "execute" | "stream">,
    AsyncDisposable {
  /** Where it is at home, once it has called something and that worker lives. */
  worker(): WorkerInfo | undefined;
  /** What the store knows of it. @throws SnakepitError SESSION_NOT_FOUND */
  info(): Promise<SessionInfo>;
  /** Replaces its metadata, as `pool.sessions.update` does. @throws SnakepitError SESSION_NOT_FOUND */
  update(change: (metadata: Metadata) => Metadata): Promise<SessionInfo>;
  /** Named values of this session, which outlive its workers. @throws SnakepitError INVALID_ARGUMENT */
  records(namespace: string): Records;
  /** What a layer above keeps for this session in this program, made at the first use. */
  get<Value>(slot: SessionSlot<Value>): Value;
  /** Calls that `work` makes on the pool itself belong to this session, also after an `await`. */
  run<Result>(work: () => Result): Result;
  /**
   * Ends it everywhere: calls under way get CANCELLED, workers drop what they keep for it, its
   * records are gone, later calls get SESSION_NOT_FOUND.
   */
  delete(): Promise<void>;
  /**
   * A temporary session (one without a name, or of an id that begins with `temp_`) ends; a named one
   * is only let go of: it no longer holds on to its worker.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The pool, as a session sees it. */
export interface SessionOwner {
  readonly access: StoreAccess;
  execute(
    command: string,
    args: unknown,
    options: CallOptions,
    session: PoolSession,
  ): Promise<unknown>;
  stream(
    command: string,
    args: unknown,
    options: CallOptions,
    session: PoolSession,
  ): AsyncIterableIterator<unknown, undefined>;
  nowMs(): number;
  describe(worker: Worker): WorkerInfo;
  emit(event: SessionEvent): void;
  /** The store would not have it. */
  refused(session: PoolSession): void;
  /** The store has it; `isNew`: since now. */
  opened(session: PoolSession, opened: OpenedSession): void;
  info(id: string): Promise<SessionInfo | undefined>;
  update(id: string, change: (metadata: Metadata) => Metadata): Promise<SessionInfo>;
  /** It has ended: its calls with it, and those that have served it should hear of it. */
  ended(session: PoolSession): void;
}

type Home =
  | { readonly kind: "none" }
  | {
      readonly kind: "worker";
      readonly worker: Worker;
      /** Something is there that cannot be had elsewhere: a call has required this worker. */
      readonly keepsState: boolean;
      /** Since when the session keeps the worker from being replaced, if it does. */
      readonly pinnedSinceMs: number | undefined;
    }
  /** What it kept there went with the worker. */
  | { readonly kind: "lost"; readonly workerId: string };

/** Why a session has ended. */
export type SessionEnd = "deleted" | "expired";

/** A worker that a session has come to, without having left there what it needs. */
export type Arrival =
  /** Its worker was another. */
  | "moved"
  /** It is older than this pool, or comes from another. */
  | "resumed";

export class PoolSession implements Session, SessionScope {
  readonly id: string;
  lastUsedMs: number;
  hasEnded = false;
  /** Calls of it whose callers have no answer yet. */
  openCalls = 0;
  /** Workers that may keep something for it. */
  readonly servedBy = new Set<Worker>();
  /** As its options say, and once the store was asked, as the store does. */
  settings: SessionSettings;
  /** Workers that are being made ready for it: its calls there wait. */
  readonly preparing = new Map<Worker, Preparing>();
  readonly #owner: SessionOwner;
  readonly #row: SessionRow | undefined;
  readonly #slots = new SlotValues();
  #home: Home = { kind: "none" };
  readonly #readyAt = new WeakSet<Worker>();
  /** What there is to rebuild on a worker that is new to it. */
  #past: Arrival | undefined = undefined;
  /** It was used after its time was over. */
  #wasIdle = false;
  /** The store has confirmed that it has no such session any more. */
  #isDeleted = false;
  #lastHomeId: string | undefined = undefined;
  /** Those who have opened it by its name and not let go of it. */
  #holders = 0;

  constructor(owner: SessionOwner, id: string, settings: SessionSettings) {
    this.#owner = owner;
    this.id = id;
    this.settings = settings;
    this.lastUsedMs = owner.nowMs();
    const opened = (row: OpenedSession) => {
      if (!row.isNew) this.#past = "resumed";
      owner.opened(this, row);
    };
    const gone = () => this.end(this.#wasIdle ? "expired" : "deleted");
    this.#row = this.isGlobal ? undefined : new SessionRow(owner.access, id, opened, gone);
  }

  get isGlobal(): boolean {
    return this.id === GLOBAL_SESSION;
  }

  get isTemporary(): boolean {
    return this.id.startsWith(TEMPORARY);
  }

  get affinity(): Affinity {
    return this.settings.affinity;
  }

  get ttlMs(): number {
    return this.settings.ttlMs;
  }

  /** Nobody here has used it for too long; elsewhere somebody may have. */
  isOverdue(nowMs: number): boolean {
    return this.openCalls === 0 && this.lastUsedMs + this.ttlMs <= nowMs;
  }

  /** The store knows it. */
  get isStored(): boolean {
    return this.#row?.epoch !== undefined;
  }

  /**
   * Finds it in the store or makes it there. undefined when that is done.
   * @throws SnakepitError SESSION_NOT_FOUND, QUOTA_EXCEEDED, STORE_UNAVAILABLE
   */
  open(): Promise<void> | undefined {
    if (this.hasEnded) throw sessionEndedError(this.id);
    if (this.#row === undefined || this.#row.isOpen) return undefined;
    const { ttlMs, data } = this.settings;
    try {
      const opening = this.#row.open({ ttlMs, data }, this.#owner.nowMs());
      opening?.catch(() => this.#owner.refused(this));
      return opening;
    } catch (error) {
      this.#owner.refused(this);
      throw error;
    }
  }

  used(nowMs: number): void {
    this.#wasIdle = this.lastUsedMs + this.ttlMs <= nowMs;
    this.lastUsedMs = nowMs;
    this.#row?.used(nowMs);
  }

  /** The store hears of uses that it was not told of. */
  catchUp(nowMs: number): void {
    this.#row?.catchUp(nowMs);
  }

  execute(command: string, args?: unknown, options: CallOptions = {}): Promise<never> {
    return this.#owner.execute(command, args, options, this) as Promise<never>;
  }

  stream(
    command: string,
    args?: unknown,
    options: CallOptions = {},
  ): AsyncIterableIterator<never, undefined> {
    return this.#owner.stream(command, args, options, this) as AsyncIterableIterator<
      never,
      undefined
    >;
  }

  worker(): WorkerInfo | undefined {
    return this.home === undefined ? undefined : this.#owner.describe(this.home);
  }

  get home(): Worker | undefined {
    return this.#home.kind === "worker" ? this.#home.worker : undefined;
  }

  /** The worker that has taken with it what the session kept there. */
  get lostWorkerId(): string | undefined {
    return this.#home.kind === "lost" ? this.#home.workerId : undefined;
  }

  get isPinned(): boolean {
    return this.pinnedSinceMs !== undefined;
  }

  get pinnedSinceMs(): number | undefined {
    return this.#home.kind === "worker" ? this.#home.pinnedSinceMs : undefined;
  }

  /** A worker has taken a call of this session. `pins`: what it leaves there cannot be moved. */
  servedAt(worker: Worker, pins: boolean): void {
    this.visited(worker);
    if (this.#home.kind === "lost" || this.hasEnded) return;
    if (this.home === undefined) this.#settle(worker);
    if (pins && this.#home.kind === "worker" && this.home === worker && !this.isPinned) {
      this.#home = { ...this.#home, keepsState: true, pinnedSinceMs: this.#owner.nowMs() };
    }
  }

  #settle(worker: Worker): void {
    worker.sessions.add(this);
    this.#home = { kind: "worker", worker, keepsState: false, pinnedSinceMs: undefined };
    const from = this.#lastHomeId;
    this.#lastHomeId = worker.id;
    if (from === undefined) return;
    this.#owner.emit({ name: "session-moved", sessionId: this.id, from, to: worker.id });
  }

  /** What keeps it from being served there; undefined when nothing does. */
  arrivalAt(worker: Worker): Arrival | undefined {
    if (this.#readyAt.has(worker)) return undefined;
    if (this.#past !== undefined) return this.#past;
    this.readyAt(worker); // it is new: there is nothing to rebuild
    return undefined;
  }

  /** The worker knows all that it needs to know of this session. */
  readyAt(worker: Worker): void {
    this.#readyAt.add(worker);
    this.#past = "moved";
  }

  /** A call of this session has run there, and may have left something. */
  visited(worker: Worker): void {
    if (this.servedBy.has(worker)) return;
    // Workers come and go while a session lives: those that are gone keep nothing for it.
    for (const one of this.servedBy) if (one.phase === "stopped") this.servedBy.delete(one);
    this.servedBy.add(worker);
  }

  /** Its worker goes. True when something went with it that cannot be had elsewhere. */
  homeGone(): boolean {
    if (this.#home.kind !== "worker") return false;
    const { worker, keepsState } = this.#home;
    worker.sessions.delete(this);
    this.#home = keepsState ? { kind: "lost", workerId: worker.id } : { kind: "none" };
    return keepsState;
  }

  /** Somebody has opened it by its name. */
  held(): void {
    this.#holders++;
  }

  /** The last holder has gone: its worker may be replaced, and is still preferred until then. */
  #letGo(): void {
    this.#holders = Math.max(0, this.#holders - 1);
    if (this.#holders > 0 || this.#home.kind !== "worker") return;
    this.#home = { ...this.#home, pinnedSinceMs: undefined };
  }

  info(): Promise<SessionInfo> {
    return this.#known((id) => this.#owner.info(id));
  }

  update(change: (metadata: Metadata) => Metadata): Promise<SessionInfo> {
    return this.#known((id) => this.#owner.update(id, change));
  }

  async #known(ask: (id: string) => Promise<SessionInfo | undefined>): Promise<SessionInfo> {
    await this.open();
    const info = await ask(this.id);
    if (info === undefined) throw sessionEndedError(this.id);
    return info;
  }

  records(namespace: string): Records {
    checkNamespace(namespace);
    return new StoredRecords(this.#owner.access, () => this.recordScope(), namespace);
  }

  /** Where its records are; using them uses the session. */
  async recordScope(): Promise<RecordScope> {
    if (this.isGlobal) return { session: undefined, gone: () => {} };
    await this.open();
    this.used(this.#owner.nowMs());
    const gone = () => this.end("deleted");
    return { session: this.id, epoch: this.#row?.epoch, gone };
  }

  get<Value>(slot: SessionSlot<Value>): Value {
    if (this.hasEnded) throw sessionEndedError(this.id);
    return this.#slots.get(slot, this.id);
  }

  run<Result>(work: () => Result): Result {
    return runInScope(this, work);
  }

  /** SessionScope */
  sessionIn(pool: object): PoolSession | undefined {
    return pool === this.#owner ? this : undefined;
  }

  async delete(): Promise<void> {
    if (this.isGlobal) throw globalStays();
    if (this.#isDeleted) return;
    const { isStored } = this;
    const epoch = this.#row?.epoch;
    this.end("deleted");
    // When the store does not answer, whoever asks again has it asked again.
    const wasThere = await this.#owner.access.ask((store) => store.deleteSession(this.id, epoch));
    this.#isDeleted = true;
    if (wasThere && !isStored) this.#owner.emit({ name: "session-deleted", sessionId: this.id });
  }

  /** In this pool; the store is somebody else's business. Never throws. */
  end(why: SessionEnd): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.home?.sessions.delete(this);
    this.#home = { kind: "none" };
    this.#owner.ended(this);
    this.servedBy.clear();
    if (this.isStored) this.#owner.emit({ name: `session-${why}`, sessionId: this.id });
    this.#slots.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isTemporary) return this.#letGo();
    // One that was never used, or was refused, may be somebody else's in the store.
    if (this.isStored || this.hasEnded) await this.delete();
    else this.end("deleted");
  }
}

/** Belongs to everybody and never ends: its records are those of nobody. */
export const GLOBAL_SESSION = "global";
/** How the id of a session begins that ends when it is disposed of. */
export const TEMPORARY = "temp_";

function globalStays(): SnakepitError<"NOT_ALLOWED"> {
  return new SnakepitError(
    "NOT_ALLOWED",
    `the session ${GLOBAL_SESSION} belongs to everybody and cannot be deleted; delete its records one by one`,
    { outcome: "not-started" },
  );
}
