import { parseRecordKey } from "./check-arguments.ts";
import type { RecordHint } from "./store.ts";

/** The versions of all records of a scope at one moment. */
export interface VersionList {
  /** Another one means another scope under the same id: its versions begin again. */
  readonly origin: string;
  /** By the key of the record. */
  readonly versions: ReadonlyMap<string, number>;
}

/** What those who watch a scope have heard of, so that they can be told what they missed. */
export class KnownVersions {
  #origin: string;
  #versions: Map<string, number>;

  constructor({ origin, versions }: VersionList) {
    this.#origin = origin;
    this.#versions = new Map(versions);
  }

  /** They have heard it. */
  note(key: string, version: number, isDeleted: boolean): void {
    if (isDeleted) this.#versions.delete(key);
    else this.#versions.set(key, version);
  }

  /** What they have not heard of, now that this is how things are. */
  catchUp({ origin, versions }: VersionList): RecordHint[] {
    const isSame = origin === this.#origin;
    const hints: RecordHint[] = [];
    for (const [key, version] of this.#versions) {
      if (versions.has(key)) continue;
      hints.push({ ...parseRecordKey(key), version, isDeleted: true });
    }
    for (const [key, version] of versions) {
      if (isSame && this.#versions.get(key) === version) continue;
      hints.push({ ...parseRecordKey(key), version, isDeleted: false });
    }
    this.#origin = origin;
    this.#versions = new Map(versions);
    return hints;
  }
}
