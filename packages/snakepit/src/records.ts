import { callback, checkKinds, checkKnownKeys, show } from "./check-options.ts";
import { dataProblem } from "./data.ts";
import { invalidArgument, SnakepitError } from "./errors.ts";
import { sessionEndedError } from "./pool-errors.ts";
import { idPattern } from "./store/check-arguments.ts";
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

/** Whose records they are. */
export interface RecordScope {
  readonly session: Scope;
  readonly epoch?: string | undefined;
  /** The store has said that there is no such session any more. */
  readonly gone: () => void;
}

/** One namespace of a session's records, or of those of nobody. */
export class StoredRecords implements Records {
  readonly #access: StoreAccess;
  readonly #scope: () => Promise<RecordScope>;
  readonly #namespace: string;

  /** `scope` resolves as soon as they are known to exist. */
  constructor(access: StoreAccess, scope: () => Promise<RecordScope>, namespace: string) {
    this.#access = access;
    this.#scope = scope;
    this.#namespace = namespace;
  }

  async get(name: string): Promise<RecordValue | undefined> {
    const scope = await this.#scope();
    const key = { session: scope.session, namespace: this.#namespace, name };
    const record = await this.#access.ask((store) => store.get(key));
    if (record !== undefined) return decoded(record);
    await this.#checkThere(scope);
    return undefined;
  }

  /** Nothing is found in a session that was deleted elsewhere, which is not the same as nothing. */
  async #checkThere({ session, epoch, gone }: RecordScope): Promise<void> {
    if (session === undefined) return;
    const row = await this.#access.ask((store) => store.getSession(session));
    if (row?.epoch === epoch) return;
    gone();
    throw sessionEndedError(session);
  }

  async set(name: string, value: unknown, options: SetOptions = {}): Promise<number> {
    const problems = checkKnownKeys("set", options, ["expect", "ttlMs", "type"]);
    if (problems.length > 0) throw invalidArgument(problems.join("; "));
    const [version = 0] = await this.write([{ ...options, set: name, value }]);
    return version;
  }

  async delete(name: string, options: { readonly expect?: number } = {}): Promise<boolean> {
    const [version = 0] = await this.write([{ ...options, delete: name }]);
    return version > 0;
  }

  async write(steps: readonly RecordStep[]): Promise<readonly number[]> {
    const problems = steps.flatMap(stepProblems);
    if (problems.length > 0) throw invalidArgument(problems.join("; "));
    const changes = steps.map((step) => this.#change(step));
    const { session, epoch, gone } = await this.#scope();
    const options = epoch === undefined ? {} : { epoch };
    try {
      return await this.#access.ask((store) => store.write(session, changes, options));
    } catch (error) {
      if (SnakepitError.is(error, "SESSION_NOT_FOUND")) gone();
      throw error;
    }
  }

  async list(): Promise<readonly RecordInfo[]> {
    const scope = await this.#scope();
    const found = await this.#access.ask((store) => store.list(scope.session, this.#namespace));
    if (found.length === 0) await this.#checkThere(scope);
    return found;
  }

  async watch(listener: (hint: RecordHint) => void): Promise<Disposable> {
    const problems = checkKinds({ listener }, { listener: callback }, ["listener"]);
    if (problems.length > 0) throw invalidArgument(problems.join("; "));
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

function stepProblems(step: unknown): string[] {
  const isStep = typeof step === "object" && step !== null && ("set" in step || "delete" in step);
  if (isStep) return [];
  return [`a step of write is { set: name, value } or { delete: name }, not ${show(step)}`];
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

/** @throws SnakepitError INVALID_ARGUMENT */
export function checkNamespace(namespace: unknown): void {
  if (typeof namespace === "string" && idPattern.test(namespace)) return;
  throw invalidArgument(
    `a namespace of records is 1 to 200 of the characters A-Z a-z 0-9 . _ : -, not ${show(namespace)}`,
  );
}
