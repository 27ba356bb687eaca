import type { DatabaseSync, StatementSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { SnakepitError } from "../../errors.ts";
import { closed } from "../refusals.ts";
import type { Awaitable } from "../store.ts";
import { explained, isBusy, isFull } from "./failures.ts";
import { preparePrivateFile } from "./private-file.ts";
import { prepareSchema } from "./schema.ts";

/**
 * How long the event loop may stand still because another process is writing; after that the wait
 * goes on without blocking. Our own transactions take a few milliseconds.
 */
const BLOCKING_WAIT_MS = 20;
/** Kept of the write-ahead log when it has been written back, so that a large value leaves no large log. */
const LOG_BYTES = 4 * 1024 * 1024;

export interface DatabaseOptions {
  readonly path: string;
  readonly durability: "normal" | "full";
  readonly timeoutMs: number;
}

/** One connection to the file: transactions, waiting for other processes, and errors with advice. */
export class Database {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #timeoutMs: number;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  #isClosed = false;

  /** @throws SnakepitError UNSUPPORTED, INVALID_OPTIONS, STORE_UNAVAILABLE */
  static async open(options: DatabaseOptions): Promise<Database> {
    const { path, timeoutMs } = options;
    const sqlite = loadSqlite();
    return await patiently({ path, timeoutMs }, () => {
      preparePrivateFile(path);
      const database = new sqlite.DatabaseSync(path, { timeout: BLOCKING_WAIT_MS });
      try {
        configure(database, options);
        return new Database(database, options);
      } catch (error) {
        database.close();
        throw error;
      }
    });
  }

  private constructor(database: DatabaseSync, { path, timeoutMs }: DatabaseOptions) {
    this.#database = database;
    this.#path = path;
    this.#timeoutMs = timeoutMs;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#rollback = database.prepare("ROLLBACK");
  }

  prepare(sql: string): StatementSync {
    return this.#database.prepare(sql);
  }

  /** Work of one statement, which needs no transaction. */
  single<Value>(work: () => Value): Awaitable<Value> {
    return this.#run(work);
  }

  /** All of the work or nothing. It may be called several times, so it must change nothing else. */
  transaction<Value>(work: () => Value): Awaitable<Value> {
    return this.#run(() => this.#transact(work));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#database.close();
  }

  #run<Value>(work: () => Value): Awaitable<Value> {
    if (this.#isClosed) throw closed("sqlite");
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) && !isFull(error)) throw explained(error, this.#path, this.#timeoutMs);
      // The log may have filled a disk on which the tables themselves have room.
      if (isFull(error)) this.#writeBack();
    }
    return patiently({ path: this.#path, timeoutMs: this.#timeoutMs }, () => {
      if (this.#isClosed) throw closed("sqlite");
      return work();
    });
  }

  #transact<Value>(work: () => Value): Value {
    this.#begin.run();
    try {
      const value = work();
      this.#commit.run();
      return value;
    } catch (error) {
      this.#cancel();
      throw error;
    }
  }

  #cancel(): void {
    try {
      this.#rollback.run();
    } catch {
      // SQLite has ended the transaction itself, as it does on some errors.
    }
  }

  #writeBack(): void {
    try {
      this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // Then the second attempt fails like the first.
    }
  }
}

/** Again and again while somebody else is writing; the event loop goes on meanwhile. */
async function patiently<Value>(
  { path, timeoutMs }: { readonly path: string; readonly timeoutMs: number },
  work: () => Value,
): Promise<Value> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return work();
    } catch (error) {
      const isOver = performance.now() >= endMs;
      if (isOver || !isBusy(error)) throw explained(error, path, timeoutMs);
    }
    // Not all at once, or they meet again.
    await delay(5 + Math.random() * 15);
  }
}

function configure(
  database: DatabaseSync,
  { path, durability }: { readonly path: string; readonly durability: "normal" | "full" },
): void {
  const { journal_mode: mode } = database.prepare("PRAGMA journal_mode = WAL").get() ?? {};
  if (mode !== "wal") {
    throw new SnakepitError(
      "UNSUPPORTED",
      `the file system of ${path} cannot carry a write-ahead log; use a local disk`,
      { outcome: "not-started" },
    );
  }
  database.exec(`PRAGMA synchronous = ${durability.toUpperCase()}`);
  database.exec(`PRAGMA journal_size_limit = ${LOG_BYTES}`);
  prepareSchema(database, path);
}

/** Not by an import: bundlers and older versions of Node do not know the module. */
function loadSqlite(): typeof import("node:sqlite") {
  const sqlite = process.getBuiltinModule?.("node:sqlite");
  if (sqlite !== undefined) return sqlite;
  throw new SnakepitError(
    "UNSUPPORTED",
    `the SQLite store needs Node 22.13 or later, and this is ${process.version}; ` +
      'update Node, or use "memory:" (memoryStore()) or "redis://…" (redisStore())',
    { outcome: "not-started" },
  );
}
