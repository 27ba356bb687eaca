import type { StatementSync } from "node:sqlite";
import { nextTurn, partCount, partsOf } from "../parts.ts";
import { unavailable } from "../refusals.ts";
import type { Database } from "./database.ts";
import type { FileClock } from "./file-clock.ts";

/** An upload that has not gone on for so long was given up: its process has ended. */
const UPLOAD_MS = 60_000;
/** Parts and records that one transaction removes, so that none takes more than milliseconds. */
const PARTS_AT_ONCE = 4;
const RECORDS_AT_ONCE = 500;

/**
 * Large values, a part at a time, so that the event loop never stands still for long. A blob belongs
 * to nobody until the write that it is made for links it; what nobody links is removed later, so
 * a process that dies on the way leaves no half value.
 */
export class Blobs {
  readonly #database: Database;
  readonly #clock: FileClock;
  readonly #create: StatementSync;
  readonly #putOff: StatementSync;
  readonly #addPart: StatementSync;
  readonly #readPart: StatementSync;
  readonly #link: StatementSync;
  readonly #abandon: StatementSync;
  readonly #nextDead: StatementSync;
  readonly #removeParts: StatementSync;
  readonly #remove: StatementSync;
  readonly #nextGrave: StatementSync;
  readonly #buriedBlobs: StatementSync;
  readonly #removeRecords: StatementSync;
  readonly #removeGrave: StatementSync;
  #isCollecting = false;
  #hasDead = false;

  constructor(database: Database, clock: FileClock) {
    this.#database = database;
    this.#clock = clock;
    this.#create = database.prepare("INSERT INTO blobs (dead_at) VALUES (?) RETURNING id");
    this.#putOff = database.prepare(
      "UPDATE blobs SET dead_at = ? WHERE id = ? AND dead_at IS NOT NULL",
    );
    this.#addPart = database.prepare("INSERT INTO parts VALUES (?, ?, ?)");
    this.#readPart = database.prepare("SELECT bytes FROM parts WHERE blob = ? AND part = ?");
    this.#link = database.prepare(
      "UPDATE blobs SET dead_at = NULL WHERE id = ? AND dead_at IS NOT NULL",
    );
    this.#abandon = database.prepare("UPDATE blobs SET dead_at = 0 WHERE id = ?");
    this.#nextDead = database.prepare("SELECT id FROM blobs WHERE dead_at <= ? LIMIT 1");
    this.#removeParts = database.prepare(
      "DELETE FROM parts WHERE rowid IN (SELECT rowid FROM parts WHERE blob = ? LIMIT ?)",
    );
    this.#remove = database.prepare("DELETE FROM blobs WHERE id = ?");
    this.#nextGrave = database.prepare("SELECT scope FROM graves LIMIT 1");
    const some = "SELECT namespace, name FROM records WHERE scope = ?1 LIMIT ?2";
    this.#buriedBlobs = database.prepare(
      "UPDATE blobs SET dead_at = 0 WHERE id IN " +
        "(SELECT blob FROM records WHERE scope = ?1 AND blob IS NOT NULL)",
    );
    this.#removeRecords = database.prepare(
      `DELETE FROM records WHERE scope = ?1 AND (namespace, name) IN (${some})`,
    );
    this.#removeGrave = database.prepare("DELETE FROM graves WHERE scope = ?");
  }

  /** The number under which the bytes wait for a link. They must be nobody else's. */
  async upload(bytes: Uint8Array): Promise<number> {
    const id = await this.#database.transaction(() => {
      return Number(this.#create.get(this.#clock.now() + UPLOAD_MS)?.["id"]);
    });
    try {
      let part = 0;
      for (const slice of partsOf(bytes)) {
        await this.#database.transaction(() => this.#append(id, part, slice));
        part++;
        await nextTurn();
      }
    } catch (error) {
      await this.giveUp([id]);
      throw error;
    }
    return id;
  }

  #append(id: number, part: number, slice: Uint8Array): void {
    if (this.#putOff.run(this.#clock.now() + UPLOAD_MS, id).changes === 0) throw lost();
    this.#addPart.run(id, part, slice);
  }

  /** Inside the transaction of the write. */
  link(id: number): void {
    if (this.#link.run(id).changes === 0) throw lost();
  }

  /** Inside a transaction; to be followed by `collectIfNeeded()`. */
  abandon(id: number): void {
    this.#hasDead = true;
    this.#abandon.run(id);
  }

  async giveUp(ids: Iterable<number>): Promise<void> {
    try {
      await this.#database.transaction(() => {
        for (const id of ids) this.#abandon.run(id);
      });
      this.collect();
    } catch {
      // They are removed when their time is over.
    }
  }

  /** undefined: it is not there any more, because its record was written or deleted meanwhile. */
  async download(id: number, bytes: number): Promise<Uint8Array | undefined> {
    const whole = new Uint8Array(bytes);
    const parts = partCount(bytes);
    let offset = 0;
    for (let part = 0; part < parts; part++) {
      const row = await this.#database.single(() => this.#readPart.get(id, part));
      if (row === undefined) return undefined;
      const slice = row["bytes"] as Uint8Array;
      whole.set(slice, offset);
      offset += slice.length;
      if (part % PARTS_AT_ONCE === PARTS_AT_ONCE - 1) await nextTurn();
    }
    return whole;
  }

  collectIfNeeded(): void {
    if (this.#hasDead) this.collect();
    this.#hasDead = false;
  }

  /** Removes what nobody can read any more, some of it with each turn of the event loop. */
  collect(): void {
    if (this.#isCollecting) return;
    this.#isCollecting = true;
    // Nobody waits for it: a program that ends before leaves the rest to the next one.
    setImmediate(() => void this.#collectSome()).unref();
  }

  async #collectSome(): Promise<void> {
    this.#isCollecting = false;
    try {
      const isMore = await this.#database.transaction(() => {
        return this.#removeSomeOfBlob() || this.#removeSomeOfGrave();
      });
      if (isMore) this.collect();
    } catch {
      // Closed, full or locked: the next sweep goes on with it.
    }
  }

  #removeSomeOfBlob(): boolean {
    const id = this.#nextDead.get(this.#clock.now())?.["id"];
    if (id === undefined) return false;
    const { changes } = this.#removeParts.run(id, PARTS_AT_ONCE);
    if (changes < PARTS_AT_ONCE) this.#remove.run(id);
    return true;
  }

  #removeSomeOfGrave(): boolean {
    const scope = this.#nextGrave.get()?.["scope"];
    if (scope === undefined) return false;
    this.#buriedBlobs.run(scope);
    const { changes } = this.#removeRecords.run(scope, RECORDS_AT_ONCE);
    if (changes < RECORDS_AT_ONCE) this.#removeGrave.run(scope);
    return true;
  }
}

/** Its time was over, as after a halt of the whole process. */
function lost(): Error {
  const problem = "the write took too long, and its first parts were given up; write again";
  return unavailable("sqlite", problem);
}
