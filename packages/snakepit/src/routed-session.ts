import { randomUUID } from "node:crypto";
import type { CallOptions, WorkerInfo } from "./pool.ts";
import { sessionEndedError } from "./pool-errors.ts";
import { checkNamespace, type RecordScope, type Records, StoredRecords } from "./records.ts";
import {
  GLOBAL_SESSION,
  type Metadata,
  type PoolSession,
  type Session,
  type SessionOptions,
  TEMPORARY,
} from "./session.ts";
import { runInScope, type SessionScope } from "./session-scope.ts";
import { storedSettings } from "./session-settings.ts";
import { SessionSlot, SlotValues } from "./session-slots.ts";
import type { SessionInfo, Sessions } from "./sessions.ts";
import type { Awaitable } from "./store/store.ts";
import type { StoreAccess } from "./store-access.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** The pools, as a session over all of them sees them. */
export interface RoutedSessionOwner {
  readonly access: StoreAccess;
  readonly sessions: Sessions;
  /** @throws SnakepitError UNKNOWN_POOL */
  routed(command: string): WorkerPool;
  pool(name: string): WorkerPool;
  pools(): readonly WorkerPool[];
  /** It is of use from now on: who opens it again finds this one. */
  began(session: RoutedSession): void;
  ended(session: RoutedSession): void;
}

/** One session in several pools: in each it is a session of that pool, with one place in the store. */
export class RoutedSession implements Session, SessionScope {
  readonly id: string;
  readonly options: SessionOptions;
  readonly #owner: RoutedSessionOwner;
  readonly #parts = new Map<WorkerPool, PoolSession>();
  readonly #slots = new SlotValues();
  /** Kept in each part, so that the end of one is the end of all. */
  readonly #partEnd: SessionSlot<undefined>;
  #hasEnded = false;
  /** The pool that it is bound to, once that is known; `null`: none. */
  #binding: string | null | undefined;

  constructor(owner: RoutedSessionOwner, id: string | undefined, options: SessionOptions) {
    this.#owner = owner;
    this.id = id ?? `${TEMPORARY}${randomUUID()}`;
    this.options = options;
    this.#binding = options.pool;
    this.#partEnd = new SessionSlot(
      "part of a session",
      () => undefined,
      () => this.#end(),
    );
  }

  async execute(command: string, args?: unknown, options?: CallOptions): Promise<never> {
    const part = await this.#part(command);
    return part.execute(command, args, options);
  }

  async *stream(
    command: string,
    args?: unknown,
    options?: CallOptions,
  ): AsyncGenerator<never, undefined, undefined> {
    const part = await this.#part(command);
    yield* part.stream(command, args, options);
    return undefined;
  }

  /** In the pool that the command goes to. */
  #part(command: string): Awaitable<PoolSession> {
    this.#checkAlive();
    const binding = this.#bound();
    const pick = (name: string | null) =>
      this.#partIn(name === null ? this.#owner.routed(command) : this.#owner.pool(name));
    return binding instanceof Promise ? binding.then(pick) : pick(binding);
  }

  #checkAlive(): void {
    if (this.#hasEnded) throw sessionEndedError(this.id);
  }

  /** An older session may be bound without its caller knowing: then the store says so. */
  #bound(): Awaitable<string | null> {
    if (this.#binding !== undefined) return this.#binding;
    if (this.id === GLOBAL_SESSION) return null;
    const row = this.#owner.access.ask((store) => store.getSession(this.id));
    const learn = (found: Awaited<typeof row>) => {
      // Until somebody has made it, somebody else may bind it.
      if (found !== undefined) this.#binding = storedSettings(found).pool ?? null;
      return this.#binding ?? null;
    };
    return row instanceof Promise ? row.then(learn) : learn(row);
  }

  #partIn(pool: WorkerPool): PoolSession {
    const known = this.#parts.get(pool);
    if (known !== undefined) return known;
    const part = pool.book.open(this.id, this.options);
    this.#parts.set(pool, part);
    part.get(this.#partEnd);
    this.#owner.began(this);
    return part;
  }

  worker(): WorkerInfo | undefined {
    for (const part of this.#parts.values()) {
      const worker = part.worker();
      if (worker !== undefined) return worker;
    }
    return undefined;
  }

  async info(): Promise<SessionInfo> {
    const part = await this.#any();
    return part.info();
  }

  async update(change: (metadata: Metadata) => Metadata): Promise<SessionInfo> {
    const part = await this.#any();
    return part.update(change);
  }

  records(namespace: string): Records {
    checkNamespace(namespace);
    const scope = async (): Promise<RecordScope> => (await this.#any()).recordScope();
    return new StoredRecords(this.#owner.access, scope, namespace);
  }

  /** For what concerns no single pool. */
  async #any(): Promise<PoolSession> {
    this.#checkAlive();
    const [open] = this.#parts.values();
    if (open !== undefined) return open;
    const name = await this.#bound();
    const [first] = this.#owner.pools();
    const pool = name === null ? first : this.#owner.pool(name);
    if (pool === undefined) throw sessionEndedError(this.id);
    return this.#partIn(pool);
  }

  get<Value>(slot: SessionSlot<Value>): Value {
    this.#checkAlive();
    this.#owner.began(this);
    return this.#slots.get(slot, this.id);
  }

  run<Result>(work: () => Result): Result {
    this.#checkAlive();
    return runInScope(this, work);
  }

  /** SessionScope */
  sessionIn(pool: object): PoolSession | undefined {
    const own = this.#owner.pools().find((one) => one === pool);
    if (own === undefined) return undefined;
    this.#checkAlive();
    const isElsewhere = typeof this.#binding === "string" && this.#binding !== own.poolName;
    return isElsewhere ? undefined : this.#partIn(own);
  }

  /** SessionScope */
  sessionOver(pools: object): RoutedSession | undefined {
    return pools === this.#owner ? this : undefined;
  }

  async delete(): Promise<void> {
    const [part] = this.#parts.values();
    if (this.id === GLOBAL_SESSION) return (await this.#any()).delete();
    if (this.#hasEnded && part === undefined) return;
    await this.#owner.sessions.delete(this.id);
    this.#parts.clear();
    this.#end();
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#owner.ended(this);
    for (const part of this.#parts.values()) part.end("deleted");
    this.#slots.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.id.startsWith(TEMPORARY)) {
      for (const part of this.#parts.values()) await part[Symbol.asyncDispose]();
      return;
    }
    const isStored = [...this.#parts.values()].some((part) => part.isStored);
    if (isStored) return this.delete();
    this.#end();
  }
}
