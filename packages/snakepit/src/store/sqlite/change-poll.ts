import { KnownVersions, type VersionList } from "../known-versions.ts";
import type { RecordHint, Scope } from "../store.ts";

export interface ChangeSource {
  /** Another number whenever another connection has changed the file. */
  dataVersion(): number;
  versions(scope: Scope): VersionList;
}

interface Watched {
  listeners: number;
  readonly known: KnownVersions;
}

/** After a look that took long, nine times as long nobody looks. */
const PAUSE_FACTOR = 9;

/**
 * Finds what other processes have written. Asking whether the file has changed costs microseconds;
 * only when it has are the versions of what is watched read.
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
      this.#lookAfter(this.#periodMs);
    }
    const watched = { listeners: 0, known: new KnownVersions(this.#source.versions(scope)) };
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

  #lookAfter(delayMs: number): void {
    this.#timer = setTimeout(() => {
      const startMs = performance.now();
      this.#look();
      const tookMs = performance.now() - startMs;
      if (this.#watched.size > 0) this.#lookAfter(Math.max(this.#periodMs, PAUSE_FACTOR * tookMs));
    }, delayMs).unref();
  }

  #look(): void {
    try {
      const dataVersion = this.#source.dataVersion();
      if (dataVersion === this.#dataVersion) return;
      for (const [scope, { known }] of this.#watched) {
        this.#tell(scope, known.catchUp(this.#source.versions(scope)));
      }
      this.#dataVersion = dataVersion;
    } catch {
      // The file cannot be read now; whatever was missed is found at the next look.
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#watched.clear();
  }
}
