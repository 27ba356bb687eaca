/** Node's longest delay; nothing happens when it is over, the timer only keeps the loop alive. */
const LONGEST_MS = 2 ** 31 - 1;

let waiting = 0;
let timer: NodeJS.Timeout | undefined;

/**
 * Keeps the event loop alive while somebody awaits something of ours. Children, pipes and sockets
 * are unref'd once and for ever, so that an idle program ends by itself; this one timer decides.
 * Taking and letting go cost nanoseconds and may be nested.
 */
export const hold = {
  acquire(): void {
    timer ??= setInterval(() => {}, LONGEST_MS).unref();
    if (waiting++ === 0) timer.ref();
  },

  /** Exactly once for each `acquire`. */
  release(): void {
    if (waiting === 0) throw new Error("hold.release() without hold.acquire()");
    if (--waiting === 0) timer?.unref();
  },

  /** How many are waiting now; for tests and diagnostics. */
  get count(): number {
    return waiting;
  },
};

/** The same promise, and the event loop stays alive until it settles. */
export async function holding<Value>(promise: PromiseLike<Value>): Promise<Value> {
  hold.acquire();
  try {
    return await promise;
  } finally {
    hold.release();
  }
}
