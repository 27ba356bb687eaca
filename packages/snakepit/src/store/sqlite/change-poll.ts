import { KnownVersions, type VersionList } from "../known-versions.ts";
import type { RecordHint, Scope } from "../store.ts";

export interface ChangeSource {
  /** Another number whenever another connection has changed the file. */
  dataVersion(): number;
  /** Another text whenever a record of the scope was written. */
  scopeVersion(scope: Scope): string;
  versions(scope: Scope): VersionList;
}

interface Watched {
  listeners: number;
  scopeVersion: string;
  readonly known: KnownVersions;
}

/**
 * Finds what other processes have written. Asking whether the file has changed costs microseconds;
 * the versions are read only when a watched scope has.
 */
export class ChangePoll {
  readonly #source: ChangeSource;
  readonly #periodMs: number;
  readonly #tell: (scope: Scope, hints: readonly RecordHint[]) => void;
  readonly #watched = new Map<Scope, Watched>();
  #dataVersion = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    source: ChangeSource,
    options: {
      readonly periodMs: number;
      readonly tell: (scope: Scope, hints: readonly RecordHint[]) => void;
    },
  ) {
    this.#source = source;
    this.#periodMs = options.periodMs;
    this.#tell = options.tell;
  }

  watch(scope: Scope): Disposable {
    const watched = this.#watched.get(scope) ?? this.#begin(scope);
    watched.listeners++;
    let isWatching = true;
    return {
      [Symbol.dispose]: () => {
        if (!isWatching) return;
        isWatching = false;
        if (--watched.listeners === 0) this.#end(scope);
      },
    };
  }

  #begin(scope: Scope): Watched {
    if (this.#timer === undefined) {
      // Before the versions are read: what is written in between is found at the next look.
      this.#dataVersion = this.#source.dataVersion();
      this.#timer = setInterval(() => this.#look(), this.#periodMs).unref();
    }
    const scopeVersion = this.#source.scopeVersion(scope);
    const known = new KnownVersions(this.#source.versions(scope));
    const watched = { listeners: 0, scopeVersion, known };
    this.#watched.set(scope, watched);
    return watched;
  }

  #end(scope: Scope): void {
    this.#watched.delete(scope);
    if (this.#watched.size === 0) this.close();
  }

  /** This process has written it, and has told it already. */
  note(scope: Scope, key: string, { version, isDeleted }: RecordHint): void {
    this.#watched.get(scope)?.known.note(key, version, isDeleted);
  }

  #look(): void {
    try {
      const dataVersion = this.#source.dataVersion();
      if (dataVersion === this.#dataVersion) return;
      for (const [scope, watched] of this.#watched) this.#catchUp(scope, watched);
      this.#dataVersion = dataVersion;
    } catch {
      // The file cannot be read now; whatever was missed is found at the next look.
    }
  }

  #catchUp(scope: Scope, watched: Watched): void {
    const scopeVersion = this.#source.scopeVersion(scope);
    if (scopeVersion === watched.scopeVersion) return;
    this.#tell(scope, watched.known.catchUp(this.#source.versions(scope)));
    watched.scopeVersion = scopeVersion;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#watched.clear();
  }
}
