/** Node's longest delay; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * A timer that takes any delay, Infinity included, and never keeps the program alive. For rare
 * things; the deadlines of calls sit in a wheel of their own.
 */
export function startTimer(delayMs: number, expire: () => void): Disposable {
  const endMs = performance.now() + delayMs;
  let timer: NodeJS.Timeout | undefined;
  const arm = () => {
    const leftMs = endMs - performance.now();
    const next = leftMs > LONGEST_MS ? arm : expire;
    // Node warns on stderr of a negative delay, which a delay of nothing always becomes.
    timer = setTimeout(next, Math.max(0, Math.min(leftMs, LONGEST_MS))).unref();
  };
  if (delayMs !== Number.POSITIVE_INFINITY) arm();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

/** Resolves after `delayMs`; never, when it is Infinity. */
export function delay(delayMs: number): Promise<undefined> {
  return new Promise((resolve) => {
    startTimer(delayMs, () => resolve(undefined));
  });
}
