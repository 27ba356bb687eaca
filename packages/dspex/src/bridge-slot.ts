import {
  type Bridge,
  type BridgeOptions,
  type CallOptions,
  SnakepitError,
} from "snakepit-grpc-bridge";

/** How long calls that run on a replaced or closed bridge may take to end. */
const graceMs = 30_000;

export type StartBridge = (options?: BridgeOptions) => Promise<Bridge>;

/**
 * A bridge that starts with the first call. Concurrent first calls share the start; a failed start
 * is forgotten, so that the next call tries again. The start is never cut short by a caller who
 * stops waiting: it belongs to everybody.
 */
export class BridgeSlot {
  #options: BridgeOptions;
  readonly #start: StartBridge;
  #starting: Promise<Bridge> | undefined;
  #closing: Promise<void> | undefined;
  /** Bridges that were replaced and are ending. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(options: BridgeOptions, start: StartBridge) {
    this.#options = options;
    this.#start = start;
  }

  /**
   * The running bridge, and what is left of the call's time.
   * @throws SnakepitError POOL_CLOSED, TIMEOUT (nothing was sent), or why the start failed;
   * the reason of `signal` when it aborts
   */
  async open(options: CallOptions): Promise<{ bridge: Bridge; timeoutMs: number | undefined }> {
    options.signal?.throwIfAborted();
    if (this.#closing !== undefined) throw closed();
    const startedMs = performance.now();
    const bridge = await impatiently(this.#running(), options);
    // Closed while this call waited: it has not begun, and must not begin now.
    if (this.#closing !== undefined) throw closed();
    if (options.timeoutMs === undefined) return { bridge, timeoutMs: undefined };
    const leftMs = options.timeoutMs - (performance.now() - startedMs);
    return { bridge, timeoutMs: Math.max(1, leftMs) };
  }

  /** Later calls get a bridge with other options; the calls on the old one may finish. */
  replace(options: BridgeOptions): void {
    this.#options = options;
    const old = this.#starting;
    if (old === undefined) return;
    this.#starting = undefined;
    const ending = end(old, { graceMs }).finally(() => this.#leaving.delete(ending));
    this.#leaving.add(ending);
    // Nobody may be waiting for it; `close` still hears of it when it comes in time.
    ending.catch(() => undefined);
  }

  /** Idempotent. A bridge that is still starting is ended as soon as it has started. */
  close(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async #close(options: { readonly graceMs?: number }): Promise<void> {
    const current = this.#starting;
    const ending = current === undefined ? [] : [end(current, options)];
    await Promise.all([...ending, ...this.#leaving]);
  }

  #running(): Promise<Bridge> {
    const running = this.#starting ?? this.#start(this.#options);
    if (this.#starting === undefined) {
      this.#starting = running;
      running.catch(() => {
        // Who waits hears of it; the next call must find an empty slot.
        if (this.#starting === running) this.#starting = undefined;
      });
    }
    return running;
  }
}

async function end(
  starting: Promise<Bridge>,
  options: { readonly graceMs?: number },
): Promise<void> {
  // A start that failed left nothing behind, and its callers know.
  const bridge = await starting.catch(() => undefined);
  await bridge?.close(options);
}

function closed(): SnakepitError<"POOL_CLOSED"> {
  const message = "this dspex client is closed; make another one with createDspex()";
  return new SnakepitError("POOL_CLOSED", message, { outcome: "not-started" });
}

/** Waits for the start, but not longer than this caller wants to. */
function impatiently(
  starting: Promise<Bridge>,
  { signal, timeoutMs }: CallOptions,
): Promise<Bridge> {
  // The timer of Node fires at once when its delay does not fit into 31 bits.
  const isTimed = timeoutMs !== undefined && timeoutMs < 2 ** 31;
  if (signal === undefined && !isTimed) return starting;
  return new Promise((resolve, reject) => {
    const abort = () => settle(() => reject(signal?.reason));
    const timer = isTimed
      ? setTimeout(() => settle(() => reject(late(timeoutMs))), timeoutMs)
      : undefined;
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      act();
    };
    signal?.addEventListener("abort", abort, { once: true });
    starting.then(
      (bridge) => settle(() => resolve(bridge)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

function late(timeoutMs: number): SnakepitError<"TIMEOUT"> {
  const message = `Python was still starting after ${timeoutMs} ms; the first call needs longer, later ones do not`;
  return new SnakepitError("TIMEOUT", message, { outcome: "not-started", details: { timeoutMs } });
}
