import { type CheckedChange, parseRecordKey, recordKey } from "./check-arguments.ts";
import { type Expiring, type ExpiryQueue, unqueued } from "./expiry-queue.ts";
import { conflict, tooManyRecords } from "./refusals.ts";
import type { RecordHint, RecordInfo, Scope, StoredRecord } from "./store.ts";

export interface MemoryRecord extends Expiring {
  readonly scope: MemoryScope;
  readonly key: string;
  stored: StoredRecord;
}

export interface Written {
  readonly versions: readonly number[];
  readonly hints: readonly RecordHint[];
}

/** The records of one session, or those of nobody. */
export class MemoryScope {
  readonly #records = new Map<string, MemoryRecord>();
  readonly #expiring: ExpiryQueue<MemoryRecord>;
  /** The highest version of what is gone. */
  #lostVersion = 0;

  constructor(expiring: ExpiryQueue<MemoryRecord>) {
    this.#expiring = expiring;
  }

  get(namespace: string, name: string, nowMs: number): StoredRecord | undefined {
    const record = this.#records.get(recordKey(namespace, name));
    return record === undefined || record.expiresAtMs <= nowMs ? undefined : record.stored;
  }

  list(namespace: string): RecordInfo[] {
    const found: RecordInfo[] = [];
    for (const { stored } of this.#records.values()) {
      if (stored.namespace !== namespace) continue;
      const { value: _, ...info } = stored;
      found.push(info);
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Records that have expired must be gone. Nothing changes when it throws. */
  write(
    changes: readonly CheckedChange[],
    nowMs: number,
    rules: { readonly maxRecords: number; readonly session: Scope },
  ): Written {
    this.#check(changes, rules);
    const versions: number[] = [];
    const hints: RecordHint[] = [];
    for (const change of changes) {
      const { namespace, name, kind } = change;
      const version = kind === "set" ? this.#set(change, nowMs) : this.#delete(namespace, name);
      versions.push(version);
      if (version > 0) hints.push({ namespace, name, version, isDeleted: kind === "delete" });
    }
    return { versions, hints };
  }

  #check(
    changes: readonly CheckedChange[],
    { maxRecords, session }: { readonly maxRecords: number; readonly session: Scope },
  ): void {
    let records = this.#records.size;
    for (const { namespace, name, expect, kind } of changes) {
      const current = this.#records.get(recordKey(namespace, name))?.stored.version ?? 0;
      if (expect !== undefined && expect !== current) throw conflict(name, expect, current);
      if (kind === "set" && current === 0) records++;
      if (kind === "delete" && current > 0) records--;
    }
    const grows = records > this.#records.size;
    if (grows && records > maxRecords) throw tooManyRecords(maxRecords, session);
  }

  #set(change: CheckedChange & { kind: "set" }, nowMs: number): number {
    const { namespace, name, type, value, bytes, ttlMs } = change;
    const key = recordKey(namespace, name);
    const old = this.#records.get(key);
    const version = (old?.stored.version ?? this.#lostVersion) + 1;
    const stored = Object.freeze({ namespace, name, version, type, bytes, value });
    const record = old ?? { ...unqueued, scope: this, key, stored, expiresAtMs: 0 };
    record.stored = stored;
    record.expiresAtMs = nowMs + ttlMs;
    this.#records.set(key, record);
    this.#expiring.update(record);
    return version;
  }

  #delete(namespace: string, name: string): number {
    const record = this.#records.get(recordKey(namespace, name));
    if (record === undefined) return 0;
    this.drop(record);
    return record.stored.version;
  }

  drop(record: MemoryRecord): void {
    this.#expiring.remove(record);
    this.#records.delete(record.key);
    this.#lostVersion = Math.max(this.#lostVersion, record.stored.version);
  }

  /** What those who watch are to hear of. */
  dropAll(): RecordHint[] {
    const hints: RecordHint[] = [];
    for (const record of this.#records.values()) {
      this.drop(record);
      const { version } = record.stored;
      hints.push({ ...parseRecordKey(record.key), version, isDeleted: true });
    }
    return hints;
  }
}
