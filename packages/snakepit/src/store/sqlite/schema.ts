import type { DatabaseSync } from "node:sqlite";
import { SnakepitError } from "../../errors.ts";

/** Of the tables below. A file of a later one is refused, of an earlier one (there is none) raised. */
const SCHEMA_VERSION = 1;
/** "Snak": how a file is known to be ours. */
const APPLICATION_ID = 0x536e616b;

/** Stands for "never" where an end is kept: SQLite has no Infinity. */
export const NEVER_MS = Number.MAX_SAFE_INTEGER;

/**
 * `scopes`: the sessions, and under the id '' what belongs to nobody. A scope's number is never
 * given out again, so that records of a deleted session, which are removed little by little
 * (`graves`), can never appear in a later one. `lost_version` is the highest version of its records
 * that are gone. `look_at` is no later than `expires` and is put off
 * only by sweeps: as it has an index, a use that puts off the end itself stays cheap.
 *
 * `blobs` and `parts`: values too large for one row. `dead_at` is null while a record has the blob;
 * otherwise it may be removed at that time.
 */
const tables = `
CREATE TABLE scopes (
  scope INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  epoch TEXT NOT NULL,
  ttl INTEGER,
  created INTEGER NOT NULL,
  used INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  look_at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  records INTEGER NOT NULL,
  lost_version INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE INDEX scopes_look_at ON scopes (look_at);
CREATE TABLE totals (sessions INTEGER NOT NULL) STRICT;
CREATE TABLE records (
  scope INTEGER NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  type TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  is_text INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  blob INTEGER,
  value BLOB,
  PRIMARY KEY (scope, namespace, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_expires ON records (expires) WHERE expires < ${NEVER_MS};
CREATE TABLE blobs (id INTEGER PRIMARY KEY AUTOINCREMENT, dead_at INTEGER) STRICT;
CREATE INDEX blobs_dead_at ON blobs (dead_at) WHERE dead_at IS NOT NULL;
CREATE TABLE parts (
  blob INTEGER NOT NULL,
  part INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  UNIQUE (blob, part)
) STRICT;
CREATE TABLE graves (scope INTEGER PRIMARY KEY) STRICT;
INSERT INTO scopes VALUES (NULL, '', '', NULL, 0, 0, ${NEVER_MS}, ${NEVER_MS}, 1, 0, 0, x'');
INSERT INTO totals VALUES (0);
`;

/**
 * Makes the tables in a file that is new. Two processes may meet here.
 * @throws SnakepitError UNSUPPORTED for a file of a later version; INVALID_OPTIONS for another
 * program's file
 */
export function prepareSchema(database: DatabaseSync, path: string): void {
  if (isCurrent(database, path)) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    if (!isCurrent(database, path)) {
      database.exec(tables);
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    }
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

function isCurrent(database: DatabaseSync, path: string): boolean {
  const application = numberOf(database, "PRAGMA application_id");
  const version = numberOf(database, "PRAGMA user_version");
  if (application !== APPLICATION_ID) {
    const objects = numberOf(database, "SELECT count(*) FROM sqlite_schema");
    if (application === 0 && version === 0 && objects === 0) return false;
    throw new SnakepitError(
      "INVALID_OPTIONS",
      `${path} is the database of another program; use a file of its own`,
    );
  }
  if (version > SCHEMA_VERSION) {
    throw new SnakepitError(
      "UNSUPPORTED",
      `${path} was written by a later snakepit (schema ${version}, and this one knows ` +
        `${SCHEMA_VERSION}); update snakepit here, or use another file`,
      { outcome: "not-started" },
    );
  }
  return version === SCHEMA_VERSION;
}

function numberOf(database: DatabaseSync, sql: string): number {
  return Number(Object.values(database.prepare(sql).get() ?? {})[0]);
}
