import { randomUUID } from "node:crypto";
import type { CallOptions, WorkerInfo } from "./pool.ts";
import { sessionEndedError } from "./pool-errors.ts";
import { checkNamespace, type Records, StoredRecords } from "./records.ts";
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
import { type SessionSlot, SlotValues } from "./session-slots.ts";
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
}

/** One session in several pools: in each it is a session of that pool, with one place in the store. */
export class RoutedSession implements Session, SessionScope {
  readonly id: string;
  readonly #owner: RoutedSessionOwner;
  readonly #options: SessionOptions;
  readonly #parts = new Map<WorkerPool, PoolSession>();
  readonly #slots = new SlotValues();
  #hasEnded = false;
  /** The pool that it is bound to, once that is known; `null`: none. */
  #binding: string | null | undefined;

  constructor(owner: RoutedSessionOwner, id: string | undefined, options: SessionOptions) {
    this.#owner = owner;
    this.id = id ?? `${TEMPORARY}${randomUUID()}`;
    this.#options = options;
    this.#binding = options.pool;
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
    for (const part of this.#parts.values()) this.#hasEnded ||= part.hasEnded;
    if (this.#hasEnded) throw sessionEndedError(this.id);
    const binding = this.#bound();
    const pick = (name: string | null) =>
      this.#partIn(name === null ? this.#owner.routed(command) : this.#owner.pool(name));
    return binding instanceof Promise ? binding.then(pick) : pick(binding);
  }

  /** An older session may be bound without its caller knowing: then the store says so. */
  #bound(): Awaitable<string | null> {
    if (this.#binding !== undefined) return this.#binding;
    if (this.id === GLOBAL_SESSION) return null;
    const row = this.#owner.access.ask((store) => store.getSession(this.id));
    const learn = (found: Awaited<typeof row>) => {
      this.#binding = (found === undefined ? undefined : storedSettings(found).pool) ?? null;
      return this.#binding;
    };
    return row instanceof Promise ? row.then(learn) : learn(row);
  }

  #partIn(pool: WorkerPool): PoolSession {
    const known = this.#parts.get(pool);
    if (known !== undefined) return known;
    const part = pool.book.open(this.id, this.#options);
    this.#parts.set(pool, part);
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
    const scope = async () => (await this.#any()).recordScope();
    return new StoredRecords(this.#owner.access, scope, namespace);
  }

  /** For what concerns no single pool. */
  async #any(): Promise<PoolSession> {
    if (this.#hasEnded) throw sessionEndedError(this.id);
    const [open] = this.#parts.values();
    if (open !== undefined) return open;
    const name = await this.#bound();
    const [first] = this.#owner.pools();
    const pool = name === null ? first : this.#owner.pool(name);
    if (pool === undefined) throw sessionEndedError(this.id);
    return this.#partIn(pool);
  }

  get<Value>(slot: SessionSlot<Value>): Value {
    if (this.#hasEnded) throw sessionEndedError(this.id);
    return this.#slots.get(slot, this.id);
  }

  run<Result>(work: () => Result): Result {
    return runInScope(this, work);
  }

  /** SessionScope */
  sessionIn(pool: object): PoolSession | undefined {
    const own = this.#owner.pools().find((one) => one === pool);
    return own === undefined ? undefined : this.#partIn(own);
  }

  async delete(): Promise<void> {
    if (this.#hasEnded) return;
    await this.#owner.sessions.delete(this.id);
    this.#hasEnded = true;
    this.#slots.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.id.startsWith(TEMPORARY)) return this.delete();
    await Promise.all([...this.#parts.values()].map((part) => part[Symbol.asyncDispose]()));
    this.#parts.clear();
  }
}
