import type { OpenedSession } from "./store/store.ts";
import type { StoreAccess } from "./store-access.ts";

/** A long session is not put off at each use, but so often that nobody is told of it too late. */
const LONGEST_TOUCH_MS = 30_000;
/** Shorter ones are put off at each use: the pool looks for what it has left over once a second. */
const SHORT_TTL_MS = 10_000;

type RowState =
  | { readonly phase: "unused" }
  | { readonly phase: "opening"; readonly done: Promise<void> }
  | {
      readonly phase: "open";
      readonly epoch: string;
      readonly touchedMs: number;
      /** It was used since, and the store does not know. */
      readonly isBehind: boolean;
    };

/** A session's place in the store: found or made at the first use, and put off by later ones. */
export class SessionRow {
  readonly #access: StoreAccess;
  readonly #id: string;
  readonly #onOpened: (opened: OpenedSession) => void;
  readonly #onGone: () => void;
  #ttlMs = Number.POSITIVE_INFINITY;
  #state: RowState = { phase: "unused" };

  /** `onOpened` may throw: then it was not opened. `onGone`: it has ended without this pool. */
  constructor(
    access: StoreAccess,
    id: string,
    onOpened: (opened: OpenedSession) => void,
    onGone: () => void,
  ) {
    this.#access = access;
    this.#id = id;
    this.#onOpened = onOpened;
    this.#onGone = onGone;
  }

  get isOpen(): boolean {
    return this.#state.phase === "open";
  }

  /** undefined until it is open. */
  get epoch(): string | undefined {
    return this.#state.phase === "open" ? this.#state.epoch : undefined;
  }

  /**
   * undefined when it is open, or could be opened at once.
   * @throws SnakepitError QUOTA_EXCEEDED, STORE_UNAVAILABLE
   */
  open(
    init: { readonly ttlMs: number; readonly data: string },
    nowMs: number,
  ): Promise<void> | undefined {
    if (this.#state.phase === "open") return undefined;
    if (this.#state.phase === "opening") return this.#state.done;
    const opened = this.#access.ask((store) => store.openSession(this.#id, init));
    if (!(opened instanceof Promise)) {
      this.#opened(opened, nowMs);
      return undefined;
    }
    const done = opened.then(
      (row) => this.#opened(row, nowMs),
      (error) => {
        this.#state = { phase: "unused" };
        throw error;
      },
    );
    this.#state = { phase: "opening", done };
    return done;
  }

  #opened(opened: OpenedSession, nowMs: number): void {
    this.#state = { phase: "unused" };
    this.#onOpened(opened);
    const { ttlMs, epoch } = opened.session;
    this.#ttlMs = ttlMs;
    this.#state = { phase: "open", epoch, touchedMs: nowMs, isBehind: false };
  }

  /** On the hot path: two comparisons, as a rule. */
  used(nowMs: number): void {
    const state = this.#state;
    if (state.phase !== "open") return;
    if (nowMs - state.touchedMs >= this.#touchMs) this.#touch(state, nowMs);
    else if (!state.isBehind && nowMs > state.touchedMs) this.#state = { ...state, isBehind: true };
  }

  /** Called once a second, so that the last use counts like any other. */
  catchUp(nowMs: number): void {
    const state = this.#state;
    if (state.phase !== "open" || !state.isBehind) return;
    if (nowMs - state.touchedMs >= this.#touchMs) this.#touch(state, nowMs);
  }

  get #touchMs(): number {
    return this.#ttlMs < SHORT_TTL_MS ? 0 : Math.min(this.#ttlMs / 8, LONGEST_TOUCH_MS);
  }

  #touch(state: RowState & { readonly phase: "open" }, nowMs: number): void {
    this.#state = { ...state, touchedMs: nowMs, isBehind: false };
    const hear = (isThere: boolean) => {
      if (!isThere) this.#onGone();
    };
    void this.#access.tell((store) => {
      const isThere = store.touchSession(this.#id, state.epoch);
      return isThere instanceof Promise ? isThere.then(hear) : hear(isThere);
    });
  }
}
