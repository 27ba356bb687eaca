import type { CloseOptions } from "./pool.ts";

/** What asks a program to end: Ctrl-C, a process manager, a closed terminal. */
export type EndSignal = "SIGINT" | "SIGTERM" | "SIGHUP";
export const endSignals: readonly EndSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

interface Closable {
  close(options?: CloseOptions): Promise<void>;
}

export interface CloseOnSignalsOptions extends CloseOptions {
  /** Default: SIGINT and SIGTERM. */
  readonly signals?: readonly EndSignal[];
}

/**
 * Closes a pool when the program is asked to end, and then lets the signal have its way, so that
 * the program ends by it (a shell sees 130 after Ctrl-C). A second signal does not wait. Pools
 * never do this by themselves: whether a signal ends the program is the program's decision, and
 * when it has listeners of its own, theirs is the last word.
 */
export function closeOnSignals(pool: Closable, options: CloseOnSignalsOptions = {}): Disposable {
  const { signals = ["SIGINT", "SIGTERM"], graceMs } = options;
  const stopListening = () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  let isClosing = false;
  const onSignal = (signal: NodeJS.Signals) => {
    const end = () => {
      stopListening();
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    };
    if (isClosing) return end();
    isClosing = true;
    void pool.close(graceMs === undefined ? {} : { graceMs }).then(end, end);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return { [Symbol.dispose]: stopListening };
}
