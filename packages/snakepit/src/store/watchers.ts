import { checkListener } from "./check-arguments.ts";
import type { RecordHint, Scope } from "./store.ts";

type Listener = (hint: RecordHint) => void;

/** Who listens to which scope, in this process. */
export class Watchers {
  readonly #listeners = new Map<Scope, Set<Listener>>();

  /** Each registration is its own, also of a function that listens twice. */
  add(scope: Scope, listener: Listener): Disposable {
    checkListener(listener);
    const own: Listener = (hint) => listener(hint);
    const set = this.#listeners.get(scope) ?? new Set();
    this.#listeners.set(scope, set.add(own));
    return {
      [Symbol.dispose]: () => {
        set.delete(own);
        if (set.size === 0 && this.#listeners.get(scope) === set) this.#listeners.delete(scope);
      },
    };
  }

  has(scope: Scope): boolean {
    return this.#listeners.has(scope);
  }

  /** On a turn of their own: a listener that writes again is not inside the first write. */
  tell(scope: Scope, hints: readonly RecordHint[]): void {
    if (hints.length === 0 || !this.has(scope)) return;
    queueMicrotask(() => {
      for (const hint of hints) {
        for (const listener of this.#listeners.get(scope) ?? []) tellOne(listener, hint);
      }
    });
  }

  clear(): void {
    this.#listeners.clear();
  }
}

/** A listener that throws does no harm to the others, nor to the store. */
function tellOne(listener: Listener, hint: RecordHint): void {
  try {
    listener(hint);
  } catch (error) {
    process.emitWarning(`a listener of a store threw: ${String(error)}`, "SnakepitWarning");
  }
}
