import { checkKnownKeys, show } from "./check-options.ts";
import { invalidArgument, SnakepitError } from "./errors.ts";
import type { SessionEvent } from "./events.ts";
import { sessionEndedError } from "./pool-errors.ts";
import { GLOBAL_SESSION, type Metadata, type PoolSession, type SessionOptions } from "./session.ts";
import type { SessionBook } from "./session-book.ts";
import { checkSession, resolveSession, storedSettings, withMetadata } from "./session-settings.ts";
import type { SessionInfo, SessionStats, Sessions } from "./sessions.ts";
import type { StoredSession } from "./store/store.ts";
import type { StoreAccess } from "./store-access.ts";

/** So many others were faster in a row: somebody writes without end. */
const MAX_UPDATES = 100;

/** Sessions as the store knows them, and what the pools of this program know of them beyond that. */
export class SessionAdmin implements Sessions {
  readonly #access: StoreAccess;
  readonly #books: () => readonly SessionBook[];
  readonly #emit: (event: SessionEvent) => void;

  constructor(
    access: StoreAccess,
    books: () => readonly SessionBook[],
    emit: (event: SessionEvent) => void,
  ) {
    this.#access = access;
    this.#books = books;
    this.#emit = emit;
  }

  async create(id: string, options: SessionOptions = {}): Promise<SessionInfo> {
    checkSession(id, options);
    const { ttlMs, data } = resolveSession(options);
    const { session, isNew } = await this.#access.ask((store) =>
      store.openSession(named(id), { ttlMs, data }),
    );
    if (!isNew) throw alreadyThere(id);
    this.#emit({ name: "session-created", sessionId: id });
    return this.#info(session);
  }

  async get(id: string): Promise<SessionInfo | undefined> {
    if (id === GLOBAL_SESSION) return globalInfo;
    const row = await this.#access.ask((store) => store.getSession(named(id)));
    return row === undefined ? undefined : this.#info(row);
  }

  async exists(id: string): Promise<boolean> {
    return (await this.get(id)) !== undefined;
  }

  async list(
    page: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<readonly SessionInfo[]> {
    const problems = checkKnownKeys("list", page, ["after", "limit"]);
    if (problems.length > 0) throw invalidArgument(problems.join("; "));
    const rows = await this.#access.ask((store) => store.listSessions(page));
    return rows.map((row) => this.#info(row));
  }

  async update(id: string, change: (metadata: Metadata) => Metadata): Promise<SessionInfo> {
    if (typeof change !== "function") {
      throw invalidArgument(
        `update takes a function from the metadata to new metadata, as (old) => ({ ...old, step: 2 }), not ${show(change)}`,
      );
    }
    for (let tries = 1; ; tries++) {
      const row = await this.#access.ask((store) => store.getSession(named(id)));
      if (row === undefined) throw sessionEndedError(id);
      const settings = storedSettings(row);
      const data = withMetadata(settings, change(settings.metadata));
      try {
        return this.#updated(
          await this.#access.ask((store) => store.updateSession(id, data, row.version)),
        );
      } catch (error) {
        if (tries === MAX_UPDATES || !SnakepitError.is(error, "VERSION_CONFLICT")) throw error;
      }
    }
  }

  #updated(row: StoredSession): SessionInfo {
    for (const session of this.#open(row.id)) session.settings = storedSettings(row);
    return this.#info(row);
  }

  async delete(id: string): Promise<boolean> {
    const open = this.#open(named(id));
    for (const session of open) session.end("deleted");
    const wasThere = await this.#access.ask((store) => store.deleteSession(id));
    if (wasThere && open.length === 0) this.#emit({ name: "session-deleted", sessionId: id });
    return wasThere || open.length > 0;
  }

  async stats(): Promise<SessionStats> {
    const { store } = this.#access;
    const books = this.#books();
    return {
      sessions: await this.#access.ask(() => store.countSessions()),
      maxSessions: store.limits.maxSessions,
      open: books.reduce((sum, { size }) => sum + size, 0),
      pinned: books.reduce((sum, { pinned }) => sum + pinned, 0),
      store: store.name,
    };
  }

  async sweep(): Promise<readonly string[]> {
    const [first] = this.#books();
    return first === undefined ? [] : first.sweep();
  }

  #open(id: string): PoolSession[] {
    return this.#books().flatMap((book) => book.find(id) ?? []);
  }

  #info(row: StoredSession): SessionInfo {
    const { affinity, metadata, pool } = storedSettings(row);
    const { id, ttlMs, createdAtMs, lastUsedAtMs } = row;
    const expiresAtMs = lastUsedAtMs + ttlMs;
    const home = this.#open(id).find((session) => session.home !== undefined)?.home;
    return {
      id,
      metadata,
      pool,
      affinity,
      ttlMs,
      createdAtMs,
      lastUsedAtMs,
      expiresAtMs,
      workerId: home?.id,
    };
  }
}

const globalInfo: SessionInfo = {
  id: GLOBAL_SESSION,
  metadata: {},
  pool: undefined,
  affinity: "prefer",
  ttlMs: Number.POSITIVE_INFINITY,
  createdAtMs: 0,
  lastUsedAtMs: 0,
  expiresAtMs: Number.POSITIVE_INFINITY,
  workerId: undefined,
};

/** @throws SnakepitError INVALID_ARGUMENT when it is no id, or that of no single session */
function named(id: string): string {
  checkSession(id, {});
  if (id !== undefined && id !== GLOBAL_SESSION) return id;
  throw invalidArgument(`${show(id)} is not the id of a single session`);
}

function alreadyThere(id: string): SnakepitError<"INVALID_ARGUMENT"> {
  return invalidArgument(
    `there is a session ${show(id)} already; open it with session(), or use another id`,
  );
}
