import { checkKnownKeys, show } from "./check-options.ts";
import { dataProblem } from "./data.ts";
import { SnakepitError } from "./errors.ts";
import type {
  RecordChange,
  RecordHint,
  RecordInfo,
  Scope,
  StoredRecord,
  StoredValue,
} from "./store/store.ts";
import type { StoreAccess } from "./store-access.ts";

/** A value with its version: 1 at first, and higher with each write. */
export interface RecordValue {
  /** Data as JSON has it, or bytes. */
  readonly value: unknown;
  readonly version: number;
  /** What its writer calls this kind of value; `json` or `bytes` unless they say otherwise. */
  readonly type: string;
}

export interface SetOptions {
  /** Only when the record has this version now; 0: only when there is none. */
  readonly expect?: number;
  /** Default: as long as the session; for ever when it belongs to none. */
  readonly ttlMs?: number;
  /** What this kind of value is called. Default: `json`, or `bytes` for a Uint8Array. */
  readonly type?: string;
}

/** One step of `Records.write`. */
export type RecordStep =
  | ({ readonly set: string; readonly value: unknown } & SetOptions)
  | { readonly delete: string; readonly expect?: number };

/** Named values that outlive every worker: those of a session, or those of nobody. */
export interface Records {
  get(name: string): Promise<RecordValue | undefined>;
  /**
   * Gives the new version.
   * @throws SnakepitError VERSION_CONFLICT; SERIALIZATION when the value is neither data nor bytes;
   * VALUE_TOO_LARGE above 64 MiB; QUOTA_EXCEEDED; SESSION_NOT_FOUND; STORE_UNAVAILABLE
   */
  set(name: string, value: unknown, options?: SetOptions): Promise<number>;
  /** False: there was none. @throws SnakepitError VERSION_CONFLICT */
  delete(name: string, options?: { readonly expect?: number }): Promise<boolean>;
  /** All of it or nothing; gives the versions, in order, and 0 for what was not there to delete. */
  write(steps: readonly RecordStep[]): Promise<readonly number[]>;
  /** By name, without the values. */
  list(): Promise<readonly RecordInfo[]>;
  /** Hears that something has changed, from whichever host, at least once; read it to know what. */
  watch(listener: (hint: RecordHint) => void): Promise<Disposable>;
}

/** Whose records they are, as soon as that is known to exist. */
export type RecordScope = () => Promise<{ readonly session: Scope; readonly epoch?: string }>;

/** One namespace of a session's records, or of those of nobody. */
export class StoredRecords implements Records {
  readonly #access: StoreAccess;
  readonly #scope: RecordScope;
  readonly #namespace: string;

  constructor(access: StoreAccess, scope: RecordScope, namespace: string) {
    this.#access = access;
    this.#scope = scope;
    this.#namespace = namespace;
  }

  async get(name: string): Promise<RecordValue | undefined> {
    const { session } = await this.#scope();
    const key = { session, namespace: this.#namespace, name };
    const record = await this.#access.ask((store) => store.get(key));
    return record === undefined ? undefined : decoded(record);
  }

  async set(name: string, value: unknown, options: SetOptions = {}): Promise<number> {
    const problems = checkKnownKeys("set", options, ["expect", "ttlMs", "type"]);
    if (problems.length > 0) throw invalid(problems);
    const [version = 0] = await this.write([{ ...options, set: name, value }]);
    return version;
  }

  async delete(name: string, options: { readonly expect?: number } = {}): Promise<boolean> {
    const [version = 0] = await this.write([{ ...options, delete: name }]);
    return version > 0;
  }

  async write(steps: readonly RecordStep[]): Promise<readonly number[]> {
    const changes = steps.map((step) => this.#change(step));
    const { session, epoch } = await this.#scope();
    const options = epoch === undefined ? {} : { epoch };
    return this.#access.ask((store) => store.write(session, changes, options));
  }

  async list(): Promise<readonly RecordInfo[]> {
    const { session } = await this.#scope();
    return this.#access.ask((store) => store.list(session, this.#namespace));
  }

  async watch(listener: (hint: RecordHint) => void): Promise<Disposable> {
    const { session } = await this.#scope();
    const own = (hint: RecordHint) => {
      if (hint.namespace === this.#namespace) listener(hint);
    };
    return this.#access.ask((store) => store.watch(session, own));
  }

  #change(step: RecordStep): RecordChange {
    const namespace = this.#namespace;
    const expect = step.expect === undefined ? {} : { expect: step.expect };
    if ("delete" in step) return { kind: "delete", namespace, name: step.delete, ...expect };
    const { set: name, value, ttlMs, type } = step;
    const stored = encoded(name, value);
    const ttl = ttlMs === undefined ? {} : { ttlMs };
    const kind = type ?? (typeof stored === "string" ? "json" : "bytes");
    return { kind: "set", namespace, name, type: kind, value: stored, ...expect, ...ttl };
  }
}

function encoded(name: string, value: unknown): StoredValue {
  if (value instanceof Uint8Array) return value;
  const problem = value === undefined ? `${name} is undefined` : dataProblem(value, name);
  if (problem === undefined) return JSON.stringify(value);
  throw new SnakepitError("SERIALIZATION", `${problem}; bytes may be a Uint8Array`, {
    outcome: "not-started",
    details: { path: problem.split(" ", 1)[0] ?? name, type: typeof value },
  });
}

function decoded({ value, version, type }: StoredRecord): RecordValue {
  return { value: typeof value === "string" ? JSON.parse(value) : value, version, type };
}

function invalid(problems: readonly string[]): SnakepitError<"INVALID_ARGUMENT"> {
  return new SnakepitError("INVALID_ARGUMENT", problems.join("; "), { outcome: "not-started" });
}

const validNamespace = /^[A-Za-z0-9._:-]{1,200}$/;

/** @throws SnakepitError INVALID_ARGUMENT */
export function checkNamespace(namespace: unknown): void {
  if (typeof namespace === "string" && validNamespace.test(namespace)) return;
  throw invalid([
    `a namespace of records is 1 to 200 of the characters A-Z a-z 0-9 . _ : -, not ${show(namespace)}`,
  ]);
}
