import { constants } from "node:os";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * What `main` answers, or 128 + n when signal n has come: `main` has closed everything by then. A
 * second signal does not wait for that; what runs ends by itself when this process has gone.
 */
export async function untilInterrupted(
  main: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const interruption = new AbortController();
  let status: number | undefined;
  const listener = (signal: NodeJS.Signals) => {
    if (status !== undefined) process.exit(status);
    status = 128 + constants.signals[signal];
    interruption.abort();
  };
  for (const signal of signals) process.on(signal, listener);
  // Nothing of ours keeps a program alive that only waits for an event.
  const hold = setInterval(() => {}, 60_000);
  try {
    return await main(interruption.signal);
  } catch (error) {
    if (status === undefined) throw error;
    return status;
  } finally {
    clearInterval(hold);
    for (const signal of signals) process.off(signal, listener);
  }
}
