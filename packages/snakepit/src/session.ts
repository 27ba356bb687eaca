import type { Affinity, CallSession } from "./adapter.ts";
import type { CallOptions, CommandMap, Pool, WorkerInfo } from "./pool.ts";
import type { Worker } from "./worker.ts";

/** Data of the application's own, as JSON has it. */
export type Metadata = Readonly<Record<string, unknown>>;

export interface SessionOptions {
  /** Of its calls, unless they say otherwise. Default: `"prefer"`. */
  readonly affinity?: Affinity;
  /** After the last use, a named session and what workers keep for it are dropped. Default: 1 h. */
  readonly ttlMs?: number;
}

/**
 * Calls that belong together: they share an id, and as a rule a worker. `execute` and `stream` are
 * the pool's own, on that worker, and may also throw SESSION_LOST and SESSION_NOT_FOUND.
 */
export interface Session<Commands extends CommandMap = CommandMap>
  extends CallSession,
    Pick<Pool<Commands>, "execute" | "stream">,
    AsyncDisposable {
  /** Where it is at home, once it has called something and that worker lives. */
  worker(): WorkerInfo | undefined;
  /**
   * Ends it everywhere: calls under way get CANCELLED, workers drop what they keep for it, later
   * calls get SESSION_NOT_FOUND.
   */
  delete(): Promise<void>;
  /** An unnamed session ends; a named one is only let go of: it no longer holds on to its worker. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The pool, as a session sees it. */
export interface SessionOwner {
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
  /** Calls of it wait or run. */
  isUsed(session: PoolSession): boolean;
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

export class PoolSession implements Session {
  readonly id: string;
  readonly isNamed: boolean;
  readonly affinity: Affinity;
  readonly ttlMs: number;
  lastUsedMs: number;
  hasEnded = false;
  /** Workers that may keep something for it. */
  readonly servedBy = new Set<Worker>();
  readonly #owner: SessionOwner;
  #home: Home = { kind: "none" };
  /** Those who have opened it by its name and not let go of it. */
  #holders = 0;

  constructor(
    owner: SessionOwner,
    identity: { readonly id: string; readonly isNamed: boolean },
    options: Required<SessionOptions>,
  ) {
    this.#owner = owner;
    this.id = identity.id;
    this.isNamed = identity.isNamed;
    this.affinity = options.affinity;
    this.ttlMs = options.ttlMs;
    this.lastUsedMs = owner.nowMs();
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
    if (this.home === undefined) {
      worker.sessions.add(this);
      this.#home = { kind: "worker", worker, keepsState: false, pinnedSinceMs: undefined };
    }
    if (pins && this.#home.kind === "worker" && this.home === worker && !this.isPinned) {
      this.#home = { ...this.#home, keepsState: true, pinnedSinceMs: this.#owner.nowMs() };
    }
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

  async delete(): Promise<void> {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.home?.sessions.delete(this);
    this.#home = { kind: "none" };
    this.#owner.ended(this);
    this.servedBy.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isNamed) this.#letGo();
    else await this.delete();
  }
}
